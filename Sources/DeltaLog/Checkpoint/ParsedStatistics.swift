import Base
import Parquet

/// Statistics of files that a log checkpoint has as columns, `add.stats_parsed`, and not as text:
/// so it is written where `delta.checkpoint.writeStatsAsJson` is false (PROTOCOL.md, "Checkpoint
/// Schema"). The commits that had the text may be gone, and our own log checkpoint has the text.
///
/// Read are columns at the top of the table with a type that our tables have. Of others nothing is
/// said, which costs a reader time, never rows.
struct ParsedStatistics {
  private struct Column {
    let name: String
    let type: DeltaType
    let nullCount: CheckpointColumn
    let minimum: CheckpointColumn
    let maximum: CheckpointColumn
  }

  private let recordCount: CheckpointColumn
  private let columns: [Column]

  /// - Parameters:
  ///   - schemaText: the table's `schemaString`.
  ///   - read: the column of a path; one without values where it is not there or not readable.
  init(schemaText: String, read: (_ path: [String]) -> CheckpointColumn) {
    recordCount = read(["add", "stats_parsed", "numRecords"])
    let fields = (try? JSONValue(parsing: Array(schemaText.utf8)))?["fields"]?.arrayValue ?? []
    columns = fields.compactMap { field in
      guard let name = field["name"]?.stringValue,
        let type = field["type"]?.stringValue.flatMap(DeltaType.init)
      else { return nil }
      func column(_ member: String) -> CheckpointColumn {
        read(["add", "stats_parsed", member, name])
      }
      return Column(
        name: name, type: type, nullCount: column("nullCount"), minimum: column("minValues"),
        maximum: column("maxValues"))
    }
  }

  /// The text of a file's statistics, as an add action has it; nil where nothing is known.
  func text(_ row: Int) -> [UInt8]? {
    guard let count = recordCount.integer(row), count >= 0 else { return nil }
    let known: [ColumnStatistics] = columns.compactMap { column in
      guard let nullCount = column.nullCount.integer(row) else { return nil }
      var bounds: (min: StatisticsValue, max: StatisticsValue)?
      if let minimum = Self.value(column.minimum.value(row), column.type),
        let maximum = Self.value(column.maximum.value(row), column.type)
      {
        bounds = (minimum, Self.raised(maximum))
      }
      return ColumnStatistics(column.name, nullCount: nullCount, bounds: bounds)
    }
    return FileStatistics(recordCount: count, columns: known).json.bytes
  }

  private static func value(_ value: ParquetValue?, _ type: DeltaType) -> StatisticsValue? {
    switch (value, type) {
    case (.integer(let value), .long), (.integer(let value), .integer): .integer(value)
    case (.integer(let micros), .timestamp): .timestamp(micros)
    case (.integer(let day), .date): Int32(exactly: day).map { .date($0) }
    case (.double(let value), .double): value.isFinite ? .double(value) : nil
    case (.float(let value), .float): value.isFinite ? .double(Double(value)) : nil
    case (.bytes(let bytes), .string): .string(String(decoding: bytes, as: UTF8.self))
    case (.boolean(let value), .boolean): .boolean(value)
    default: nil
    }
  }

  /// The largest time has been cut to milliseconds by who wrote the text it was made from.
  private static func raised(_ value: StatisticsValue) -> StatisticsValue {
    guard case .timestamp(let micros) = value else { return value }
    return .timestamp(micros.addingReportingOverflow(999).partialValue)
  }
}
