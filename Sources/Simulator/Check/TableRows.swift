import Base
import Parquet
import Telemetry

/// One row of a table, as text: equal rows have equal texts, whatever file holds them.
struct TableRow {
  let text: String
  /// Topic and partition it came from; nil for a row without them.
  let topicPartition: TopicPartition?
  /// The record it came from; nil in tables whose rows come from many.
  let place: (partition: TopicPartition, offset: Int64)?
  /// What a row of `gaps` says.
  let gap: RecordedGap?
  /// Of readings, letters and marks: the row of its record; nil stands for a whole record.
  let rowIndex: Int?
  /// Whether a replay of dead letters brought the reading back.
  let isReplayed: Bool
  /// What a mark says of its letter; nil in other tables.
  let mark: Mark?

  /// A row of `dead_letter_replays`.
  struct Mark {
    /// Whether the letter waits no longer.
    let isFinal: Bool
    let readingCount: Int
  }
}

/// Reads the rows of a table from the files that its log names, and those that went with their
/// date.
struct TableRows {
  let disk: ObservedDisk
  let table: String

  /// The rows of every live file, and of those that retention took out of the table: all that was
  /// ever in it.
  func read(_ list: ViolationList) -> [TableRow] {
    let log = TableLogReader(disk: disk, table: table)
    return (log.files() + log.expiredFiles()).flatMap { file -> [TableRow] in
      let path = "tables/\(table)/\(file.path)"
      let date = file.add["partitionValues"]?["event_date"]?.stringValue
      // That it is absent, others say.
      guard disk.archive.files[path] != nil else { return [] }
      guard let rows = rows(path, date: date) else {
        list.check(.everyFileIsThere, "\(path) cannot be read")
        return []
      }
      let stated = file.add["stats"]?.stringValue
        .flatMap { try? JSONValue(parsing: Array($0.utf8)) }?["numRecords"]?.int64Value
      list.check(
        .everyFileIsThere,
        stated == Int64(rows.count)
          ? nil : "\(path) has \(rows.count) rows, its log says \(stated ?? -1)")
      return rows
    }
  }

  /// The rows of one file, whether it still lies there or not; nil where it cannot be read.
  func rows(_ path: String, date: String?) -> [TableRow]? {
    guard let bytes = disk.contents(path) ?? disk.archive.files[path] else { return nil }
    var rows: [TableRow] = []
    do {
      try append(try ParquetFile(bytes: bytes), date: date ?? "no date", to: &rows)
    } catch {
      return nil
    }
    return rows
  }

  private func append(
    _ file: ParquetFile, date: String, to rows: inout [TableRow]
  ) throws(ParquetError) {
    let names = file.footer.schema.columns.map(\.name)
    for (number, rowGroup) in file.footer.rowGroups.enumerated() {
      var columns: [ParquetColumnValues] = []
      for column in names.indices {
        columns.append(try file.readColumn(column, rowGroup: number))
      }
      for row in 0..<rowGroup.rowCount {
        var cells: [String: ParquetValue] = [:]
        var text = date
        for (name, column) in zip(names, columns) {
          guard let value = column[row] else {
            text += "|"
            continue
          }
          cells[name] = value
          text += "|" + Self.text(value)
        }
        rows.append(Self.row(text, cells))
      }
    }
  }

  /// Bit for bit: two NaN of different bits are two texts.
  private static func text(_ value: ParquetValue) -> String {
    switch value {
    case .boolean(let value): value.description
    case .integer(let value): value.description
    case .float(let value): value.isNaN ? "NaN\(value.bitPattern)" : value.description
    case .double(let value): value.isNaN ? "NaN\(value.bitPattern)" : value.description
    case .bytes(let bytes): String(decoding: bytes, as: UTF8.self)
    }
  }

  private static func row(_ text: String, _ cells: [String: ParquetValue]) -> TableRow {
    func integer(_ name: String) -> Int64? {
      if case .integer(let value)? = cells[name] { value } else { nil }
    }
    func string(_ name: String) -> String? {
      guard case .bytes(let bytes)? = cells[name] else { return nil }
      return String(decoding: bytes, as: UTF8.self)
    }
    guard let topic = string("kafka_topic"), let partition = integer("kafka_partition") else {
      return TableRow(
        text: text, topicPartition: nil, place: nil, gap: nil, rowIndex: nil, isReplayed: false,
        mark: nil)
    }
    let place = TopicPartition(topic: topic, partition: Int32(partition))
    var gap: RecordedGap?
    if let from = integer("from_offset"), let to = integer("to_offset") {
      gap = RecordedGap(partition: place, from: from, to: to, reason: string("reason") ?? "")
    }
    let mark = string("outcome").map { outcome in
      TableRow.Mark(
        isFinal: outcome == "read" || outcome == "empty",
        readingCount: Int(integer("readings") ?? 0))
    }
    let flags = ReadingFlags(rawValue: UInt32(truncatingIfNeeded: integer("flags") ?? 0))
    return TableRow(
      text: text, topicPartition: place, place: integer("kafka_offset").map { (place, $0) },
      gap: gap, rowIndex: integer("row_index").map { Int($0) },
      isReplayed: flags.contains(.replayed), mark: mark)
  }
}
