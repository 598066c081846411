package import Base

/// A file of tests for a configuration (`downlinkd test`): records, and what the tables shall have
/// of them. Read, with every fault at once; whether it fits the configuration is for others.
package struct FixtureFile: Sendable {
  /// As it was named.
  package let file: String
  /// The configuration it is about, an absolute path; nil where the file names none.
  package let config: String?
  package let tests: [Test]
  /// Where the file has what, for faults that are found later.
  let places: Configuration.Places

  /// One test: its own run, from nothing.
  package struct Test: Sendable {
    package let name: String
    /// `tests[2]`
    package let keyPath: String
    package let steps: [Step]
    /// Whether what is open at the end fires.
    package let firesOpenWindows: Bool
    package let expectations: [Expectation]
  }

  /// One item of `records`.
  package struct Step: Sendable {
    package let keyPath: String
    package let content: Content
    /// Nil: the only topic that the configuration has.
    package let topic: String?
    package let partition: Int32
    package let key: [UInt8]?
    package let headers: [Header]
    package let timestamp: Stamp?
  }

  /// What an item of `records` stands for.
  package enum Content: Sendable {
    /// In the JSON mapping of the source's message.
    case message(JSONValue)
    /// The value's bytes; nil for a tombstone.
    case raw([UInt8]?)
    /// A record a row of a CSV file, an absolute path.
    case csv(file: String)
    /// Time passes, microseconds.
    case advance(Int64)
  }

  /// A Kafka header; its value may be null.
  package struct Header: Sendable {
    package let name: String
    package let value: [UInt8]?
  }

  /// When Kafka says a record was sent.
  package struct Stamp: Sendable {
    package let micros: Int64
    /// Stamped by the broker (LogAppendTime), not by the producer.
    package let isAppendTime: Bool
  }

  /// What a table shall have.
  package struct Expectation: Sendable {
    /// `readings`, `windows`, `anomalies`, `dead_letters`.
    package let table: Table
    /// `tests[2].expect.windows`
    package let keyPath: String
    /// Only rows that match it are looked at; nil: all.
    package let filter: Row?
    package let rows: [Row]
    /// Whether there may be no other rows.
    package let isExact: Bool
    /// How many rows there shall be, matched or not; nil: whatever.
    package let count: Int?
    /// How far doubles may be from what is expected, relative to the larger of the two.
    package let tolerance: Double
  }

  /// The tables a fixture may speak of.
  package enum Table: String, CaseIterable, Sendable {
    case readings, windows, anomalies
    case deadLetters = "dead_letters"
  }

  /// A row, or some columns of it.
  package struct Row: Sendable {
    package let keyPath: String
    package let cells: [Cell]
  }

  /// A column and what it shall have; null for no value.
  package struct Cell: Sendable {
    package let column: String
    package let value: JSONValue
  }

  /// Relative, unless a fixture says otherwise.
  package static let defaultTolerance = 1e-9
}

extension FixtureFile {
  /// The line on which a key path's value begins.
  package func line(of keyPath: String) -> Int { places.positions.nearest(to: keyPath).value.line }

  /// A fault of the loader's form, for checks that need the configuration: an unknown topic, a
  /// field that the message does not have. Throw them together as `ConfigFaults`.
  package func fault(
    at keyPath: String, _ message: String, suggestion: String? = nil
  ) -> ConfigFault {
    let position = places.positions.nearest(to: keyPath).value
    return ConfigFault(
      path: file, position: position, keyPath: keyPath, message: message, suggestion: suggestion,
      excerpt: Excerpt.text(
        of: position.line, in: places.document, redactions: places.redactions))
  }

  /// Reads a file. `${NAME}` in values is resolved as in a configuration.
  ///
  /// - Throws: every fault there is, in the order of the file.
  package static func load(
    file: String, environment: [String: String]
  ) throws(ConfigFaults) -> FixtureFile {
    try parse(try Reading.bytes(of: file), file: file, environment: environment)
  }

  /// The same for bytes at hand; `file` names them, and its folder is where relative paths start.
  package static func parse(
    _ bytes: [UInt8], file: String, environment: [String: String]
  ) throws(ConfigFaults) -> FixtureFile {
    let (reading, root) = try Reading.open(
      bytes, file: file, environment: environment, beginning: "config: downlinkd.yaml"
    ) { _, _ in }
    let fixture = FixtureFile(Section<FixtureKey>(root, path: "", in: reading), reading)
    guard reading.faults.isEmpty else { throw ConfigFaults(reading.faults) }
    return fixture
  }
}
