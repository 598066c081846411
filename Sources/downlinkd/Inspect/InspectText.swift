import Base

/// Tables and amounts for people.
enum InspectText {
  /// Columns as wide as their widest cell; numbers to the right where `right` says so.
  static func table(_ rows: [[String]], right: Set<Int> = []) -> [String] {
    var widths: [Int] = []
    for row in rows {
      for (column, cell) in row.enumerated() {
        if column == widths.count { widths.append(0) }
        widths[column] = max(widths[column], cell.count)
      }
    }
    return rows.map { row in
      var line = ""
      for (column, cell) in row.enumerated() {
        let padding = String(repeating: " ", count: widths[column] - cell.count)
        if column > 0 { line += "  " }
        line += right.contains(column) ? padding + cell : cell + padding
      }
      while line.last == " " { line.removeLast() }
      return line
    }
  }

  /// A line of a list of facts.
  static func fact(_ name: String, _ value: String) -> String {
    name + String(repeating: " ", count: max(1, 14 - name.count)) + value
  }

  /// `1.2 MB`, by powers of ten as elsewhere.
  static func bytes(_ count: Int64) -> String {
    if count < 10_000 { return "\(count) B" }
    if count < 10_000_000 { return "\(count / 1000) kB" }
    return count < 10_000_000_000 ? "\(count / 1_000_000) MB" : "\(count / 1_000_000_000) GB"
  }

  /// A time, or a dash.
  static func time(_ micros: Int64?) -> String {
    micros.map { Timestamp.text(micros: $0) } ?? "-"
  }

  /// Text from outside, made harmless, and cut.
  static func name(_ text: String, countMax: Int = 60) -> String {
    PlainText.shown(text, countMax: countMax)
  }

  /// `s` for all but one.
  static func counted(_ count: Int, _ noun: String) -> String {
    "\(count) \(count == 1 ? noun : noun + "s")"
  }
}
