import Base
import Config
import Glibc
import Logging
import Synchronization

/// Log lines on standard error: text for people, JSON for collectors, entries with fields where it
/// is systemd's journal.
///
///     2026-11-21T07:32:00.123Z info committed version=42 readings=10000
///
/// No file is ever opened, so there is none to reopen when somebody rotates logs.
struct LogOutput: LogHandler {
  /// How a line goes out.
  enum Form: Sendable, Equatable {
    case text, json, journal

    init(_ format: Configuration.Log.Format) {
      switch format {
      case .json: self = .json
      case .text: self = .text
      case .auto:
        if Journal.isStandardError {
          self = .journal
        } else {
          self = isatty(STDERR_FILENO) == 0 ? .json : .text
        }
      }
    }
  }

  /// The level of every logger without one of its own; may be changed while the program runs.
  static var level: Logger.Level {
    get { Logger.Level.allCases[sharedLevel.load(ordering: .relaxed)] }
    set { sharedLevel.store(index(of: newValue), ordering: .relaxed) }
  }

  /// An index into `Logger.Level.allCases`: every line asks for it, from any thread.
  private static let sharedLevel = Atomic<Int>(index(of: .info))

  private static func index(of level: Logger.Level) -> Int {
    Logger.Level.allCases.firstIndex(of: level) ?? 0
  }

  var metadata: Logger.Metadata = [:]
  private var ownLevel: Logger.Level?
  private let label: String
  private let form: Form

  var logLevel: Logger.Level {
    get { ownLevel ?? Self.level }
    set { ownLevel = newValue }
  }

  /// Sets up logging for the whole process; called once, at the start of `run`.
  static func bootstrap(_ configuration: Configuration.Log) {
    level = Logger.Level(configuration.level)
    let form = Form(configuration.format)
    LoggingSystem.bootstrap { label in LogOutput(label: label, form: form) }
  }

  init(label: String, form: Form) {
    self.label = label
    self.form = form
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let fields = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
    switch form {
    case .text: complain("\(Self.time()) \(event.level) \(Self.line(event, label, fields))")
    case .json: complain(Self.json(event, label, fields))
    case .journal:
      let line = Self.line(event, label, fields)
      let entry = JournalField.of(event, line: line, label: label, metadata: fields)
      // While the journal restarts, its stream on standard error may still take a line.
      if !Journal.send(entry) { complain(line) }
    }
  }

  private static func time() -> String {
    Timestamp.text(micros: WallClock.nowMicros()).dropLast(4) + "Z"
  }

  /// The line without time and level, which the journal adds by itself.
  private static func line(
    _ event: LogEvent, _ label: String, _ fields: [(key: String, value: Logger.MetadataValue)]
  ) -> String {
    var line = label == "downlinkd" ? "" : "\(label): "
    line += "\(event.message)"
    for (key, value) in fields {
      let text = "\(value)"
      line += text.contains(" ") ? " \(key)=\"\(text)\"" : " \(key)=\(text)"
    }
    return line
  }

  private static func json(
    _ event: LogEvent, _ label: String, _ fields: [(key: String, value: Logger.MetadataValue)]
  ) -> String {
    var members = [
      JSONMember("time", .string(time())), JSONMember("level", .string(event.level.rawValue)),
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

  init(_ level: Configuration.Log.Level) {
    switch level {
    case .trace: self = .trace
    case .debug: self = .debug
    case .info: self = .info
    case .notice: self = .notice
    case .warning: self = .warning
    case .error: self = .error
    case .critical: self = .critical
    }
  }
}
