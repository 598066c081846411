import Base

/// A tapped row as one line for a terminal.
enum TapText {
  /// Columns that begin a line, where a row has them; the others follow as `name=value`.
  private static let leading = ["event_time", "window_start", "source", "device_id"]
  private static let hidden: Set<String> = [
    "anomaly_id", "kafka_topic", "kafka_partition", "kafka_offset", "evidence", "window_end",
  ]

  /// `2026-06-09T10:00:00Z  snapshots  sat-1  battery_voltage_v=7.5`
  static func line(_ row: JSONValue) -> String {
    var words: [String] = []
    for name in leading {
      guard let text = row[name]?.stringValue else { continue }
      words.append(PlainText.shown(text.replacing(".000000Z", with: "Z")))
    }
    let rest = (row.members ?? []).filter {
      !leading.contains($0.name) && !hidden.contains($0.name)
    }
    let pairs = rest.map { "\($0.name)=\(text($0.value))" }
    return (words + [pairs.joined(separator: " ")]).joined(separator: "  ")
  }

  /// What another program's text holds must not move a cursor.
  private static func text(_ value: JSONValue) -> String {
    PlainText.shown(value.stringValue ?? value.text)
  }
}
