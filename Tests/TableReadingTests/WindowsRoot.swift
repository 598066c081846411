import Base
import DeltaLog
import Parquet
import Storage
import Windows

let second: Int64 = 1_000_000
let minute = 60 * second
let day: Int64 = 86_400 * second
/// 2026-11-21T12:00:00Z.
let noon: Int64 = 1_795_262_400_000_000

/// One row of the table `windows`.
struct WindowRow: Equatable {
  var source = "s"
  var device: String
  var metric = "m"
  var window = "1m"
  var start: Int64
  var length = minute
  var revision: Int32 = 0
  var mean: Double?
}

/// A table of windows in memory, made commit by commit as we and others do.
final class WindowsRoot {
  static let folder = "tables/windows"
  let storage = MemoryStorage()
  private(set) var version: Int64 = -1

  init() throws { try put([DeltaAction.protocolAction]) }

  // MARK: - Commits

  func put(_ actions: [JSONValue]) throws {
    version += 1
    let digits = String(version)
    let name = String(repeating: "0", count: 20 - digits.count) + digits
    let text = actions.map { $0.text + "\n" }.joined()
    _ = try storage.putIfAbsent("\(Self.folder)/_delta_log/\(name).json", Array(text.utf8))
  }

  /// Writes a file a date of these rows and commits them.
  @discardableResult
  func commit(_ rows: [WindowRow], rowGroupRowCount: Int = .max) throws -> [AddFile] {
    let added = try files(rows, rowGroupRowCount: rowGroupRowCount)
    try put(added.map(\.action))
    return added
  }

  /// A commit that changes no rows: OPTIMIZE.
  func rewrite(_ removed: [AddFile], as added: [AddFile]) throws {
    try put(
      added.map { Self.quiet($0.action, "add") } + removed.map { Self.remove($0, change: false) })
  }

  static func remove(_ file: AddFile, change: Bool) -> JSONValue {
    [
      "remove": [
        "path": .string(DeltaPath.percentEncoded(file.path)), "dataChange": .bool(change),
        "deletionTimestamp": 1,
      ]
    ]
  }

  private static func quiet(_ action: JSONValue, _ name: String) -> JSONValue {
    let members = (action[name]?.members ?? []).filter { $0.name != "dataChange" }
    return .object([JSONMember(name, .object(members + [JSONMember("dataChange", false)]))])
  }

  // MARK: - Files

  func files(_ rows: [WindowRow], rowGroupRowCount: Int = .max) throws -> [AddFile] {
    let byDay = Dictionary(grouping: rows) { Timestamp.day(ofMicros: $0.start) }
    return try byDay.sorted { $0.key < $1.key }.map { day, rows in
      let date = Timestamp.dateText(day: day)
      let path = "event_date=\(date)/f\(version)-\(RandomID.make()).parquet"
      let sorted = rows.sorted { ($0.device, $0.start) < ($1.device, $1.start) }
      let bytes = Self.parquet(sorted, rowGroupRowCount)
      _ = try storage.putIfAbsent("\(Self.folder)/\(path)", bytes)
      return Self.add(path, date, sorted, byteCount: bytes.count)
    }
  }

  /// A file of another program that our reader does not know.
  func foreignFile(of rows: [WindowRow]) throws -> AddFile {
    let date = Timestamp.dateText(day: Timestamp.day(ofMicros: rows[0].start))
    let path = "event_date=\(date)/part-\(RandomID.make()).parquet"
    let bytes = Array("PAR1 something else PARE".utf8)
    _ = try storage.putIfAbsent("\(Self.folder)/\(path)", bytes)
    return Self.add(path, date, rows, byteCount: bytes.count)
  }

  private static func add(
    _ path: String, _ date: String, _ rows: [WindowRow], byteCount: Int
  ) -> AddFile {
    let starts = rows.map(\.start)
    let devices = rows.map(\.device)
    let columns: [DeltaLog.ColumnStatistics] = [
      .init("device_id", nullCount: 0, bounds: (.string(devices.min()!), .string(devices.max()!))),
      .init(
        "window_start", nullCount: 0,
        bounds: (.timestamp(starts.min()!), .timestamp(starts.max()!))),
    ]
    return AddFile(
      path: path, partitionValues: [("event_date", date)], byteCount: Int64(byteCount),
      modificationTimeMillis: 0,
      statistics: FileStatistics(recordCount: Int64(rows.count), columns: columns))
  }

  static func parquet(_ rows: [WindowRow], _ rowGroupRowCount: Int) -> [UInt8] {
    let names = ["source", "device_id", "metric", "window_name"]
    let columns =
      names.map { ParquetColumn(name: $0, type: .string) }
      + ["window_start", "window_end"].map { ParquetColumn(name: $0, type: .timestampMicros) }
      + [ParquetColumn(name: "revision", type: .int32)]
      + ["mean", "min", "max"].map { ParquetColumn(name: $0, type: .double) }
    var writer = ParquetFileWriter(
      schema: ParquetSchema(columns: columns),
      options: ParquetWriterOptions(compression: .zstd(level: 1), createdBy: "test"))
    var first = 0
    while first < rows.count {
      let group = Array(rows[first..<min(rows.count, first + min(rowGroupRowCount, rows.count))])
      first += group.count
      writer.beginRowGroup(rowCount: group.count)
      for text in [\WindowRow.source, \.device, \.metric, \.window] {
        writer.writeColumn(.byteStrings(strings(group.map { $0[keyPath: text] })))
      }
      writer.writeColumn(.int64(group.map(\.start)))
      writer.writeColumn(.int64(group.map { $0.start + $0.length }))
      writer.writeColumn(.int32(group.map(\.revision)))
      var validity = [UInt64](repeating: 0, count: (group.count + 63) / 64)
      for (row, value) in group.enumerated() where value.mean != nil {
        validity[row / 64] |= 1 << UInt64(row % 64)
      }
      for change in [0.0, -1, 1] {
        writer.writeColumn(.double(group.map { ($0.mean ?? 0) + change }), validity: validity)
      }
      writer.endRowGroup()
    }
    return writer.finish().output
  }

  private static func strings(_ texts: [String]) -> ByteStrings {
    var starts = [0]
    for text in texts { starts.append(starts.last! + text.utf8.count) }
    return ByteStrings(bytes: texts.flatMap { Array($0.utf8) }, starts: starts)
  }
}
