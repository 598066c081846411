import Base
import Ledger
import Pipeline

/// Dead letters in numbers, for people and for programs.
struct DeadLetterDocument {
  private let summary: DeadLetterSummary

  init(_ summary: DeadLetterSummary) { self.summary = summary }

  private var groups: [(DeadLetterSummary.Group, DeadLetterSummary.Count)] {
    summary.groups.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  // MARK: - Text

  private static let titles = [
    "source", "reason", "partition", "pending", "still dead", "replayed", "salvaged", "first",
    "last",
  ]

  /// A line for each source, reason and partition, then what is to be done.
  var text: String {
    if summary.groups.isEmpty { return "no dead letters\n" }
    var rows = [Self.titles]
    for (group, count) in groups {
      rows.append(
        [group.source, group.reason, "\(group.key)"] + Self.numbers(count)
          + [Self.time(count.firstMicros), Self.time(count.lastMicros)])
    }
    let total = summary.total
    rows.append(["total", "", ""] + Self.numbers(total) + ["", ""])
    var lines = Self.aligned(rows)
    if total.pending > 0 {
      lines += ["", "\(total.pending) wait: `downlinkd dead-letters replay` decodes them again"]
    }
    return lines.map { $0 + "\n" }.joined()
  }

  private static func numbers(_ count: DeadLetterSummary.Count) -> [String] {
    [count.pending, count.stillDead, count.replayed, count.salvaged].map { "\($0)" }
  }

  /// `2026-11-21T07:32:00Z`: seconds are enough to look around.
  private static func time(_ micros: Int64?) -> String {
    micros.map { Timestamp.text(micros: $0).prefix(19) + "Z" } ?? "-"
  }

  /// Columns as wide as they must be, numbers to the right.
  private static func aligned(_ rows: [[String]]) -> [String] {
    let widths = titles.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
    return rows.map { row in
      let cells = row.indices.map { column in
        let space = String(repeating: " ", count: widths[column] - row[column].count)
        return (3...6).contains(column) ? space + row[column] : row[column] + space
      }
      var line = cells.joined(separator: "  ")
      while line.last == " " { line.removeLast() }
      return line
    }
  }

  // MARK: - JSON

  var json: JSONValue {
    let total = summary.total
    var members = Self.members(total)
    members.append(
      JSONMember(
        "groups",
        .array(
          groups.map { group, count in
            .object(
              [
                JSONMember("source", .string(group.source)),
                JSONMember("reason", .string(group.reason)),
                JSONMember("topic", .string(group.key.topic)),
                JSONMember("incarnation", .int(group.key.incarnation)),
                JSONMember("partition", .int(group.key.partition)),
              ] + Self.members(count))
          })))
    return .object(members)
  }

  private static func members(_ count: DeadLetterSummary.Count) -> [JSONMember] {
    [
      JSONMember("pending", .int(count.pending)),
      JSONMember("still_dead", .int(count.stillDead)),
      JSONMember("replayed", .int(count.replayed)),
      JSONMember("salvaged", .int(count.salvaged)),
      JSONMember("first", .optional(count.firstMicros.map { Timestamp.text(micros: $0) })),
      JSONMember("last", .optional(count.lastMicros.map { Timestamp.text(micros: $0) })),
    ]
  }
}

/// One dead letter, for people and for programs.
struct DeadLetterText {
  private let letter: DeadLetterRecord

  init(_ letter: DeadLetterRecord) { self.letter = letter }

  private var state: String {
    if letter.isReplayed { return "replayed" }
    return letter.isTried ? "still dead after a replay" : "waiting"
  }

  /// A block of lines with a blank one behind it.
  func text(byteCountMax: Int) -> String {
    let row = letter.rowIndex.map { ", row \($0)" } ?? ""
    let time = letter.timestampMicros.map { Timestamp.text(micros: $0) } ?? "no timestamp"
    return """
      \(letter.key) offset \(letter.offset)\(row)  \(time)  source \(letter.source)  \(state)
        reason   \(letter.reason): \(letter.detail)
        key      \(Self.hex(letter.recordKey, byteCountMax))
        headers  \(letter.headersJSON ?? "none")
        payload  \(Self.hex(letter.payload, byteCountMax))


      """
  }

  /// `12 bytes: 0a0173…`; a record may have none.
  private static func hex(_ bytes: [UInt8]?, _ byteCountMax: Int) -> String {
    guard let bytes else { return "none" }
    let cut = bytes.count > byteCountMax ? "…" : ""
    return "\(bytes.count) bytes: \(hex(bytes.prefix(byteCountMax)))\(cut)"
  }

  private static func hex(_ bytes: ArraySlice<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count * 2)
    for byte in bytes {
      text.append(digits[Int(byte >> 4)])
      text.append(digits[Int(byte & 15)])
    }
    return String(decoding: text, as: UTF8.self)
  }

  var json: JSONValue {
    func hex(_ bytes: [UInt8]?) -> JSONValue { .optional(bytes.map { Self.hex($0[...]) }) }
    return [
      "topic": .string(letter.key.topic),
      "incarnation": .int(letter.key.incarnation),
      "partition": .int(letter.key.partition),
      "offset": .int(letter.offset),
      "row_index": letter.rowIndex.map { .int($0) } ?? .null,
      "timestamp": .optional(letter.timestampMicros.map { Timestamp.text(micros: $0) }),
      "source": .string(letter.source),
      "stage": .string(letter.stage),
      "reason": .string(letter.reason),
      "detail": .string(letter.detail),
      "tried": .bool(letter.isTried),
      "replayed": .bool(letter.isReplayed),
      "key_hex": hex(letter.recordKey),
      "headers": letter.headersJSON
        .flatMap { try? JSONValue(parsing: Array($0.utf8)) } ?? .null,
      "payload_hex": hex(letter.payload),
    ]
  }
}
