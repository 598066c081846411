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

/// Reads all rows of a table from the files that its log names.
struct TableRows {
  let disk: ObservedDisk
  let table: String

  func read(_ list: ViolationList) -> [TableRow] {
    var rows: [TableRow] = []
    for file in TableLogReader(disk: disk, table: table).files() {
      let path = "tables/\(table)/\(file.path)"
      guard let bytes = disk.contents(path) else { continue }
      var objection: String?
      do {
        let count = rows.count
        try append(try ParquetFile(bytes: bytes), date: date(of: file), to: &rows)
        let stated = file.add["stats"]?.stringValue
          .flatMap { try? JSONValue(parsing: Array($0.utf8)) }?["numRecords"]?.int64Value
        if stated != Int64(rows.count - count) {
          objection = "\(path) has \(rows.count - count) rows, its log says \(stated ?? -1)"
        }
      } catch {
        objection = "\(path) cannot be read: \(error)"
      }
      list.check(.everyFileIsThere, objection)
    }
    return rows
  }

  private func date(of file: TableLogReader.File) -> String {
    file.add["partitionValues"]?["event_date"]?.stringValue ?? "no date"
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
