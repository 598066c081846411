import CSystemd
import Glibc
import Logging

/// systemd's journal as a place for log lines, each with fields of its own: what
/// `journalctl PARTITION=telemetry[3]` or `-o json` shows.
enum Journal {
  /// Whether standard error is the journal: then lines go to it natively, with their fields.
  ///
  /// systemd puts device and inode of the stream it made into `JOURNAL_STREAM`; a program whose
  /// standard error was since sent elsewhere finds another there (systemd.exec(5)).
  static var isStandardError: Bool {
    guard let text = unsafe getenv("JOURNAL_STREAM") else { return false }
    var about = stat()
    guard unsafe fstat(STDERR_FILENO, &about) == 0 else { return false }
    return isStream(
      unsafe String(cString: text), device: UInt64(about.st_dev), inode: UInt64(about.st_ino))
  }

  static func isStream(_ text: String, device: UInt64, inode: UInt64) -> Bool {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    return parts.count == 2 && UInt64(parts[0]) == device && UInt64(parts[1]) == inode
  }

  /// Sends one entry; false where there is no journal to take it.
  static func send(_ fields: [JournalField]) -> Bool {
    var bytes: [UInt8] = []
    var ends: [Int] = []
    for field in fields {
      bytes += field.name.utf8
      bytes.append(UInt8(ascii: "="))
      bytes += field.value.utf8
      ends.append(bytes.count)
    }
    return unsafe bytes.withUnsafeMutableBytes { buffer in
      guard let base = buffer.baseAddress else { return false }
      var start = 0
      var vectors: [iovec] = unsafe []
      for end in ends {
        unsafe vectors.append(iovec(iov_base: base + start, iov_len: end - start))
        start = end
      }
      return unsafe sd_journal_sendv(vectors, Int32(vectors.count)) == 0
    }
  }
}

/// One field of a journal entry.
struct JournalField: Equatable, Sendable {
  var name: String
  var value: String

  static let messageByteCountMax = 16 << 10
  static let valueByteCountMax = 4 << 10
  static let nameByteCountMax = 64
  /// More than any line of ours has.
  static let countMax = 64

  /// Fields we set ourselves; metadata of the same name gets a prefix, or the entry would have two.
  private static let own: Set<String> = [
    "MESSAGE", "MESSAGE_ID", "PRIORITY", "SYSLOG_IDENTIFIER", "LOGGER", "EVENT",
  ]

  /// The fields of a log line. `MESSAGE` is the line a person reads, figures and all, because
  /// journalctl shows nothing else unless it is asked; `EVENT` is the part that is always the same.
  static func of(
    _ event: LogEvent, line: String, label: String,
    metadata: [(key: String, value: Logger.MetadataValue)]
  ) -> [JournalField] {
    var fields = [
      JournalField(
        name: "MESSAGE", value: TextBound.cut(line, byteCountMax: messageByteCountMax)),
      JournalField(name: "PRIORITY", value: "\(event.level.syslogPriority)"),
      JournalField(name: "SYSLOG_IDENTIFIER", value: "downlinkd"),
      JournalField(name: "LOGGER", value: label),
      JournalField(
        name: "EVENT", value: TextBound.cut("\(event.message)", byteCountMax: valueByteCountMax)),
    ]
    for (key, value) in metadata.prefix(countMax - fields.count) {
      guard let name = fieldName(key) else { continue }
      fields.append(
        JournalField(
          name: name, value: TextBound.cut("\(value)", byteCountMax: valueByteCountMax)))
    }
    return fields
  }

  /// The name as the journal takes it: capitals, digits and underscores, a letter first, at most
  /// 64 bytes; nil where nothing of it is left. The journal drops an entry with another name.
  static func fieldName(_ key: String) -> String? {
    var bytes: [UInt8] = []
    for byte in key.utf8 {
      switch byte {
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): bytes.append(byte)
      case UInt8(ascii: "a")...UInt8(ascii: "z"): bytes.append(byte - 32)
      case UInt8(ascii: "0")...UInt8(ascii: "9"): bytes.append(byte)
      default: bytes.append(UInt8(ascii: "_"))
      }
    }
    // A leading underscore is reserved for what the journal itself knows.
    let trimmed = bytes.drop { $0 == UInt8(ascii: "_") }
    guard let first = trimmed.first else { return nil }
    var name = String(decoding: trimmed, as: UTF8.self)
    if first <= UInt8(ascii: "9") || own.contains(name) { name = "DOWNLINK_" + name }
    return String(decoding: name.utf8.prefix(nameByteCountMax), as: UTF8.self)
  }
}

extension Logger.Level {
  /// syslog's number, as PRIORITY has it.
  var syslogPriority: Int {
    switch self {
    case .trace, .debug: return 7
    case .info: return 6
    case .notice: return 5
    case .warning: return 4
    case .error: return 3
    case .critical: return 2
    }
  }
}
