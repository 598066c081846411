import Base
import DeltaLog
import Logging
import Parquet
import Storage

@testable import Maintenance

/// A table on some storage, made by hand: files of rows, and a log that names them.
final class TestTable {
  /// A row as the tests compare them: every column's value, nil where it has none.
  typealias Row = [ParquetValue?]

  let storage: any Storage
  let name: String
  private(set) var columns: [DeltaColumn]
  private var version: Int64 = -1
  private var fileCount = 0

  static let pipeline = "fleet"
  static let hour: Int64 = 3_600_000

  var folder: String { "tables/\(name)" }

  init(_ storage: any Storage, _ name: String, _ columns: [DeltaColumn]) throws {
    self.storage = storage
    self.name = name
    self.columns = columns
    try put([
      ["commitInfo": ["operation": "CREATE TABLE"]],
      DeltaAction.protocolAction, metaData,
      ["txn": ["appId": .string("\(Self.pipeline)/ledger"), "version": 0]],
    ])
  }

  /// `readings_x`: a device, a time, and a column of every type.
  static func readings(_ storage: any Storage) throws -> TestTable {
    try TestTable(
      storage, "readings_x",
      [
        DeltaColumn("device_id", .string), DeltaColumn("event_time", .timestamp),
        DeltaColumn("volts", .double), DeltaColumn("share", .float),
        DeltaColumn("count", .long), DeltaColumn("flags", .integer),
        DeltaColumn("isOn", .boolean), DeltaColumn("blob", .binary), DeltaColumn("day", .date),
      ])
  }

  private var metaData: JSONValue {
    DeltaAction.metaData(
      id: "00000000-0000-4000-8000-000000000000", name: name,
      schema: DeltaSchema(columns: columns + [DeltaColumn("event_date", .date)]),
      createdTimeMillis: 0)
  }

  // MARK: - Commits

  func put(_ actions: [JSONValue]) throws {
    version += 1
    try put(actions, as: version)
  }

  /// A commit of somebody else, under the next free number.
  func putAsRival(_ actions: [JSONValue]) throws {
    version = try newestVersion() + 1
    try put(actions, as: version)
  }

  private func newestVersion() throws -> Int64 {
    try storage.list(folder + "/_delta_log").compactMap { Int64($0.prefix(20)) }.max() ?? -1
  }

  private func put(_ actions: [JSONValue], as version: Int64) throws {
    let digits = String(version)
    let name = String(repeating: "0", count: 20 - digits.count) + digits + ".json"
    let text = actions.map(\.text).joined(separator: "\n") + "\n"
    guard case .stored = try storage.putIfAbsent("\(folder)/_delta_log/\(name)", Array(text.utf8))
    else { throw Taken() }
  }

  struct Taken: Error {}

  /// The table's rows may only come from here on.
  func makeAppendOnly() throws {
    guard var members = metaData["metaData"]?.members else { return }
    members.removeAll { $0.name == "configuration" }
    members.append(JSONMember("configuration", ["delta.appendOnly": "true"]))
    try put([["metaData": .object(members)]])
  }

  /// Later files have these columns too.
  func grow(_ more: [DeltaColumn]) throws {
    columns += more
    try put([metaData])
  }

  /// Writes rows as one file and commits it; returns its path below the table's folder.
  @discardableResult
  func add(
    _ rows: [Row], date: String, modifiedMillis: Int64, rowGroupRowCount: Int = 1 << 20,
    name: String? = nil, checksum: UInt64? = nil
  ) throws -> String {
    fileCount += 1
    let path =
      "event_date=\(date)/"
      + (name ?? "\(Self.pipeline)-v3-\(RandomID.make())-\(fileCount)-\(fileCount).parquet")
    let written = try write(rows, "\(folder)/\(path)", rowGroupRowCount)
    let add = AddFile(
      path: path, partitionValues: [("event_date", date)], byteCount: written.byteCount,
      modificationTimeMillis: modifiedMillis,
      statistics: FileStatistics(recordCount: Int64(rows.count), columns: []),
      checksum: checksum ?? written.checksum)
    version = try newestVersion()
    try put([add.action])
    return path
  }

  private func write(
    _ rows: [Row], _ path: String, _ rowGroupRowCount: Int
  ) throws -> (byteCount: Int64, checksum: UInt64) {
    let schema = ParquetSchema(
      columns: columns.map {
        ParquetColumn(name: $0.name, type: TableLayout.Column(name: "", type: $0.type).parquetType)
      })
    var writer = ParquetFileWriter(schema: schema, options: Self.parquet)
    var first = 0
    while first < rows.count {
      let group = rows[first..<min(rows.count, first + rowGroupRowCount)]
      writer.beginRowGroup(rowCount: group.count)
      for column in columns.indices {
        let (values, validity) = Self.values(group.map { $0[column] }, schema.columns[column].type)
        writer.writeColumn(values, validity: validity)
      }
      writer.endRowGroup()
      first += group.count
    }
    var file = try HashedFile(creating: path, in: storage)
    try file.append(writer.finish().output)
    return try file.close()
  }

  static var parquet: ParquetWriterOptions {
    ParquetWriterOptions(createdBy: "downlinkd version 0 (build test)")
  }

  private static func values(
    _ column: [ParquetValue?], _ type: ParquetType
  ) -> (ColumnValues, [UInt64]?) {
    var validity = [UInt64](repeating: 0, count: (column.count + 63) / 64)
    for (row, value) in column.enumerated() where value != nil {
      validity[row >> 6] |= 1 << UInt64(row & 63)
    }
    var integers: [Int64] = []
    var doubles: [Double] = []
    var floats: [Float] = []
    var booleans: [Bool] = []
    var bytes: [UInt8] = []
    var starts = [0]
    for value in column {
      switch value {
      case .integer(let value): integers.append(value)
      case .double(let value): doubles.append(value)
      case .float(let value): floats.append(value)
      case .boolean(let value): booleans.append(value)
      case .bytes(let value): bytes += value
      case nil:
        integers.append(0)
        doubles.append(0)
        floats.append(0)
        booleans.append(false)
      }
      starts.append(bytes.count)
    }
    let values: ColumnValues =
      switch type {
      case .boolean: .boolean(booleans)
      case .int32, .date: .int32(integers.map { Int32($0) })
      case .int64, .timestampMicros: .int64(integers)
      case .float: .float(floats)
      case .double: .double(doubles)
      case .string, .binary: .byteStrings(ByteStrings(bytes: bytes, starts: starts))
      }
    return (values, validity)
  }

  // MARK: - Reading

  func maintained() throws -> MaintainedTable {
    var table = MaintainedTable(name: name, storage: storage, engine: "downlinkd test")
    try table.follow()
    return table
  }

  func pass(
    _ options: MaintenanceOptions = MaintenanceOptions(), pace: MaintenancePace? = nil
  ) -> MaintenancePass {
    MaintenancePass(
      storage: storage, pipeline: Self.pipeline, engineInfo: "downlinkd test", options: options,
      parquet: Self.parquet, pace: pace ?? MaintenancePace(bytesPerSecond: nil),
      log: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
  }

  /// All rows of the live files, each with the columns that the table has now; file by file.
  func rows() throws -> [[Row]] {
    try maintained().snapshot.files.map { try rows(of: $0.path) }
  }

  func rows(of path: String) throws -> [Row] {
    let file = try ParquetFile(bytes: try storage.read("\(folder)/\(path)"))
    var rows: [Row] = []
    for group in file.footer.rowGroups.indices {
      let parts = try columns.map { column in
        try file.footer.schema.columns.firstIndex { $0.name == column.name }
          .map { try file.readColumn($0, rowGroup: group) }
      }
      for row in 0..<file.footer.rowGroups[group].rowCount {
        rows.append(parts.map { $0.flatMap { $0[row] } })
      }
    }
    return rows
  }

  /// Rows as texts that tell every bit apart, sorted: what must not change.
  static func multiset(_ rows: [Row]) -> [String] {
    rows.map { row in
      row.map { value in
        switch value {
        case .double(let value): "d\(value.bitPattern)"
        case .float(let value): "f\(value.bitPattern)"
        case nil: "-"
        case .some(let value): "\(value)"
        }
      }.joined(separator: "|")
    }.sorted()
  }
}

/// Rows drawn from a seed.
struct RandomRows {
  var random: SplitMix64

  init(seed: UInt64) { random = SplitMix64(seed: seed) }

  mutating func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }

  /// A reading of one of some devices, with NaNs of all bits, absent values and long texts.
  mutating func reading(devices: Int, atMicros: Int64) -> TestTable.Row {
    let isAbsent = (0..<9).map { _ in below(12) == 0 }
    let volts =
      below(10) == 0
      ? Double(bitPattern: 0x7FF8_0000_0000_0000 | random.next() & 0xFFFF) : Double(below(1000)) / 8
    let blob = (0..<below(20)).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    let row: TestTable.Row = [
      .bytes(Array("dev-\(below(devices))-é".utf8)), .integer(atMicros), .double(volts),
      .float(Float(bitPattern: UInt32(truncatingIfNeeded: random.next()))),
      .integer(Int64(bitPattern: random.next())), .integer(Int64(below(3))),
      .boolean(below(2) == 0), .bytes(blob), .integer(Int64(below(20_000))),
    ]
    return zip(row, isAbsent).map { $1 ? nil : $0 }
  }

  mutating func readings(_ count: Int, devices: Int, day: Int64 = 20_000) -> [TestTable.Row] {
    (0..<count).map { _ in
      reading(devices: devices, atMicros: (day * 86_400 + Int64(below(86_400))) * 1_000_000)
    }
  }
}
