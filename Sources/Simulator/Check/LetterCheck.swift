import Telemetry

/// Letters that came back: each once, with the readings that its mark speaks of, and only those
/// that the mended mapping can read (I12).
struct LetterCheck {
  /// What names a letter for ever; a row of -1 is the whole record.
  private struct Place: Hashable {
    let partition: TopicPartition
    let offset: Int64
    let row: Int
  }

  let fleet: Fleet
  let list: ViolationList
  /// Whether everything that can be read under the mended mapping has been brought back.
  let hasReplayedAll: Bool

  func check(_ tables: [String: [TableRow]]) {
    var letters: [Place: Int] = [:]
    for row in tables["dead_letters"] ?? [] {
      if let place = Self.place(row) { letters[place, default: 0] += 1 }
    }
    let marks = checkMarks(tables["dead_letter_replays"] ?? [], letters)
    var replayed: [TopicPartition: [Int64: [Int: Int]]] = [:]
    for (table, rows) in tables where table.hasPrefix("readings_") {
      for row in rows where row.isReplayed {
        guard let place = row.place, let index = row.rowIndex else { continue }
        replayed[place.partition, default: [:]][place.offset, default: [:]][index, default: 0] += 1
      }
    }
    checkReadings(replayed, marks)
    // Of other topics nobody knows what can be read.
    if !fleet.isReplaced { checkScript(letters, marks) }
  }

  private static func place(_ row: TableRow) -> Place? {
    row.place.map {
      Place(partition: $0.partition, offset: $0.offset, row: row.rowIndex ?? -1)
    }
  }

  /// The final marks, by letter.
  private func checkMarks(_ rows: [TableRow], _ letters: [Place: Int]) -> [Place: TableRow.Mark] {
    var final: [Place: TableRow.Mark] = [:]
    var seen: Set<String> = []
    for row in rows {
      guard let mark = row.mark, let place = Self.place(row) else { continue }
      list.check(
        .lettersComeBackOnce,
        seen.insert(row.text).inserted ? nil : "\(place) is marked twice in the same words")
      list.check(
        .lettersComeBackOnce, letters[place] == 1 ? nil : "\(place) is marked and is no letter")
      if !mark.isFinal { continue }
      list.check(
        .lettersComeBackOnce, final[place] == nil ? nil : "\(place) has come back twice")
      final[place] = mark
    }
    return final
  }

  /// The readings that replays brought back are those that the marks speak of, each once.
  private func checkReadings(
    _ replayed: [TopicPartition: [Int64: [Int: Int]]], _ marks: [Place: TableRow.Mark]
  ) {
    var due: [TopicPartition: [Int64: Int]] = [:]
    for (place, mark) in marks {
      due[place.partition, default: [:]][place.offset, default: 0] += mark.readingCount
      guard place.row >= 0 else { continue }
      let count = replayed[place.partition]?[place.offset]?[place.row] ?? 0
      list.check(
        .lettersComeBackOnce, count == mark.readingCount ? nil : "\(place) has \(count) readings")
    }
    for (partition, offsets) in replayed {
      for (offset, rows) in offsets {
        let twice = rows.filter { $0.value > 1 }.keys.sorted()
        let count = rows.values.reduce(0, +)
        let expected = due[partition]?[offset] ?? 0
        list.check(
          .lettersComeBackOnce,
          twice.isEmpty && count == expected
            ? nil
            : "\(partition) offset \(offset) has \(count) replayed readings, its marks speak of "
              + "\(expected)" + (twice.isEmpty ? "" : "; rows \(twice) are there twice"))
        due[partition]?[offset] = nil
      }
    }
    for (partition, offsets) in due {
      for (offset, count) in offsets where count > 0 {
        list.check(
          .lettersComeBackOnce,
          "\(partition) offset \(offset) is marked as read, its \(count) readings are missing")
      }
    }
  }

  /// What was sent decides what can come back.
  private func checkScript(_ letters: [Place: Int], _ marks: [Place: TableRow.Mark]) {
    for (place, count) in letters {
      let contents = fleet.contents[place.partition] ?? []
      guard contents.indices.contains(Int(place.offset)),
        case .record(let record) = contents[Int(place.offset)]
      else {
        list.check(.lettersComeBackOnce, "\(place) is a letter and no record")
        continue
      }
      list.check(
        .lettersComeBackOnce, count == 1 ? nil : "\(place) is a letter \(count) times")
      let mended = place.row < 0 ? record.mendedRowCount : 1
      let mark = marks[place]
      if let mended {
        if mark == nil, !hasReplayedAll { continue }
        list.check(
          .lettersComeBackOnce,
          mark?.readingCount == mended
            ? nil
            : "\(place) gives \(mended) readings under the mended mapping, its mark speaks of "
              + (mark.map { "\($0.readingCount)" } ?? "none"))
      } else {
        list.check(
          .lettersComeBackOnce,
          mark == nil ? nil : "\(place) has come back and cannot be read under any mapping")
      }
    }
  }
}
