import Base
import Pipeline

/// Rows in the words of a fixture: what can be pasted under `expect`.
enum FixtureText {
  /// Columns that say where a row comes from, not what it says: left out, as null is.
  private static let placeColumns: Set<String> = [
    "anomaly_id", "evidence", "kafka_topic", "topic_incarnation", "kafka_partition",
    "kafka_offset", "kafka_timestamp",
  ]

  /// A row as a flow mapping of YAML: `{device_id: sat-1, event_time: …}`.
  static func row(_ row: Int, of table: TrialTable) -> String {
    var cells: [String] = []
    if let source = table.source { cells.append("source: \(source)") }
    for (column, value) in zip(table.columns, table.rows[row]) {
      if value == .null || placeColumns.contains(column) { continue }
      let isUsualZero = (column == "flags" || column == "row_index") && value == .integer(0)
      if isUsualZero && table.kind == .readings { continue }
      cells.append("\(column): \(scalar(value))")
    }
    return "{" + cells.joined(separator: ", ") + "}"
  }

  /// A value as YAML reads it back.
  private static func scalar(_ value: RowValue) -> String {
    switch value {
    case .text(let text): quoted(text)
    case .bytes(let bytes): "{hex: \"\(HexText.text(bytes))\"}"
    // Whole seconds without their zeros.
    case .timestamp: value.text.replacing(".000000Z", with: "Z")
    case .null, .boolean, .integer, .float, .double: value.text
    }
  }

  /// Plain where nothing in it could mean anything to YAML.
  private static func quoted(_ text: String) -> String {
    let isPlain =
      text.utf8.first.map { $0 | 0x20 >= UInt8(ascii: "a") && $0 | 0x20 <= UInt8(ascii: "z") }
      ?? false
    let isWord = text.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"),
        UInt8(ascii: "."):
        true
      default: false
      }
    }
    let meanings: Set<String> = ["null", "Null", "NULL", "true", "false", "none"]
    if isPlain && isWord && !meanings.contains(text) { return text }
    return JSONValue.string(text.replacing("${", with: "$${")).text
  }

  /// A test with the rows it has, as `expect` would have them.
  static func expectations(_ result: TestResult) -> String {
    var lines = ["  - name: \(JSONValue.string(result.name).text)", "    expect:"]
    for kind in TrialTable.Kind.allCases {
      let rows = result.tables.filter { $0.kind == kind }
        .flatMap { table in table.rows.indices.map { row($0, of: table) } }
      lines.append("      \(kind.rawValue):\(rows.isEmpty ? " none" : "")")
      lines += rows.map { "        - \($0)" }
    }
    return lines.map { $0 + "\n" }.joined()
  }
}
