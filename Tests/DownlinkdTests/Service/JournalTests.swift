import Logging
import Testing

@testable import downlinkd

@Suite struct JournalTests {
  private func fields(_ metadata: [(key: String, value: Logger.MetadataValue)]) -> [JournalField] {
    let event = LogEvent(
      level: .warning, message: "committed", metadata: nil, source: "", file: "", function: "",
      line: 1)
    return JournalField.of(event, line: "committed a=b", label: "downlinkd", metadata: metadata)
  }

  @Test func `an entry has the line, its priority, its logger and a field for each figure`() {
    let fields = fields([("partition", "telemetry[3]"), ("offset", "42")])
    #expect(
      fields == [
        JournalField(name: "MESSAGE", value: "committed a=b"),
        JournalField(name: "PRIORITY", value: "4"),
        JournalField(name: "SYSLOG_IDENTIFIER", value: "downlinkd"),
        JournalField(name: "LOGGER", value: "downlinkd"),
        JournalField(name: "EVENT", value: "committed"),
        JournalField(name: "PARTITION", value: "telemetry[3]"),
        JournalField(name: "OFFSET", value: "42"),
      ])
  }

  @Test(arguments: [
    ("partition", "PARTITION"), ("event_time", "EVENT_TIME"), ("event-time", "EVENT_TIME"),
    ("_pid", "PID"), ("9lives", "DOWNLINK_9LIVES"), ("message", "DOWNLINK_MESSAGE"),
    ("Priority", "DOWNLINK_PRIORITY"), ("größe", "GR____E"),
  ])
  func `names are made such that the journal takes them`(key: String, name: String) {
    #expect(JournalField.fieldName(key) == name)
  }

  @Test func `a name of nothing but underscores is left out, a long one cut`() {
    #expect(JournalField.fieldName("") == nil)
    #expect(JournalField.fieldName("__") == nil)
    #expect(JournalField.fieldName(String(repeating: "a", count: 200))?.utf8.count == 64)
    #expect(fields([("", "lost")]).count == 5)
  }

  @Test func `values and their number are bounded`() {
    let long = String(repeating: "x", count: 1_000_000)
    let many = (0..<1000).map { (key: "key\($0)", value: Logger.MetadataValue.string(long)) }
    let fields = fields(many)
    #expect(fields.count == JournalField.countMax)
    #expect(fields.allSatisfy { $0.value.utf8.count <= JournalField.valueByteCountMax })
  }

  @Test func `the stream is known by device and inode, and by nothing less`() {
    #expect(Journal.isStream("8:1234", device: 8, inode: 1234))
    for text in ["8:1235", "9:1234", "8", "", "8:", ":1234", "8:1234:1", "8:1234x"] {
      #expect(!Journal.isStream(text, device: 8, inode: 1234), "\(text)")
    }
  }

  @Test func `levels have syslog's numbers`() {
    let priorities = Logger.Level.allCases.map(\.syslogPriority)
    #expect(priorities == [7, 7, 6, 5, 4, 3, 2])
  }
}

@Suite(.serialized) struct LogOutputTests {
  @Test func `the level changes under loggers that are in use, but not where one has its own`() {
    let before = LogOutput.level
    defer { LogOutput.level = before }
    let logger = Logger(label: "a") { LogOutput(label: $0, form: .text) }
    var chatty = Logger(label: "b") { LogOutput(label: $0, form: .text) }
    chatty.logLevel = .trace
    for level in Logger.Level.allCases {
      LogOutput.level = level
      #expect(logger.logLevel == level)
      #expect(chatty.logLevel == .trace)
    }
  }
}
