import Base
import Config
import Glibc
import Logging

/// Log lines on standard error: text for people, JSON for collectors.
///
///     2026-11-21T07:32:00.123Z info committed version=42 readings=10000
struct LogOutput: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level
  private let label: String
  private let isJSON: Bool

  /// Sets up logging for the whole process; called once, at the start of `run`.
  static func bootstrap(_ configuration: Configuration.Log) {
    let level = Logger.Level(rawValue: configuration.level.rawValue) ?? .info
    let isJSON: Bool
    switch configuration.format {
    case .json: isJSON = true
    case .text: isJSON = false
    case .auto: isJSON = isatty(STDERR_FILENO) == 0
    }
    LoggingSystem.bootstrap { label in
      LogOutput(logLevel: level, label: label, isJSON: isJSON)
    }
  }

  init(logLevel: Logger.Level, label: String, isJSON: Bool) {
    self.logLevel = logLevel
    self.label = label
    self.isJSON = isJSON
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let fields = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
    let time = Timestamp.text(micros: WallClock.nowMicros()).dropLast(4) + "Z"
    complain(
      isJSON
        ? Self.json(String(time), event, label, fields)
        : Self.text(String(time), event, label, fields))
  }

  private static func text(
    _ time: String, _ event: LogEvent, _ label: String,
    _ fields: [(key: String, value: Logger.MetadataValue)]
  ) -> String {
    var line = "\(time) \(event.level) "
    if label != "downlinkd" { line += "\(label): " }
    line += "\(event.message)"
    for (key, value) in fields {
      let text = "\(value)"
      line += text.contains(" ") ? " \(key)=\"\(text)\"" : " \(key)=\(text)"
    }
    return line
  }

  private static func json(
    _ time: String, _ event: LogEvent, _ label: String,
    _ fields: [(key: String, value: Logger.MetadataValue)]
  ) -> String {
    var members = [
      JSONMember("time", .string(time)), JSONMember("level", .string(event.level.rawValue)),
      JSONMember("logger", .string(label)), JSONMember("message", .string("\(event.message)")),
    ]
    members += fields.map { JSONMember($0.key, .string("\($0.value)")) }
    return JSONValue.object(members).text
  }
}

extension Logger.Level {
  /// librdkafka speaks syslog's levels: 0 emergency … 7 debug.
  init(syslog level: Int) {
    switch level {
    case ...2: self = .critical
    case 3: self = .error
    case 4: self = .warning
    case 5: self = .notice
    case 6: self = .info
    default: self = .debug
    }
  }
}
