import Base
import DeltaLog
import Parquet
import Storage
import TableReading
import Testing

/// How far windows are final, by files of `devices` that we and others have left.
@Suite struct FinalityTests {
  /// One row of the table `devices`.
  private struct Device {
    var source = "s"
    var isAwake = true
    var final: Int64?
  }

  /// The table `devices` in memory, made commit by commit.
  private final class Root {
    static let folder = "tables/devices"
    let storage = MemoryStorage()
    private var version: Int64 = -1

    init() throws { try put([DeltaAction.protocolAction]) }

    private func put(_ actions: [JSONValue]) throws {
      version += 1
      let digits = String(version)
      let name = String(repeating: "0", count: 20 - digits.count) + digits
      let text = actions.map { $0.text + "\n" }.joined()
      _ = try storage.putIfAbsent("\(Root.folder)/_delta_log/\(name).json", Array(text.utf8))
    }

    /// Commits one file of a partition of topic `t`. Returns its path below the table.
    @discardableResult
    func commit(
      _ devices: [Device], incarnation: Int = 0, partition: Int = 0, as name: String? = nil
    ) throws -> String {
      let path = name ?? "f\(version).parquet"
      let bytes = FinalityTests.parquet(devices)
      if name == nil { _ = try storage.putIfAbsent("\(Root.folder)/\(path)", bytes) }
      let values = [
        ("kafka_topic", "t"), ("topic_incarnation", "\(incarnation)"),
        ("kafka_partition", "\(partition)"),
      ]
      let add = AddFile(
        path: path, partitionValues: values, byteCount: Int64(bytes.count),
        modificationTimeMillis: 0,
        statistics: FileStatistics(recordCount: Int64(devices.count), columns: []))
      try put([add.action])
      return path
    }

    func remove(_ path: String) throws {
      try put([["remove": ["path": .string(path), "dataChange": true, "deletionTimestamp": 1]]])
    }

    func replace(_ path: String, _ bytes: [UInt8]) throws {
      try storage.replace("\(Root.folder)/\(path)", bytes)
    }

    func catalog() throws -> TableCatalog {
      var catalog = TableCatalog(storage: storage)
      try catalog.follow()
      return catalog
    }
  }

  private static func parquet(_ devices: [Device]) -> [UInt8] {
    let times = ["watermark", "final_through", "last_kafka_timestamp"]
    let columns =
      [
        ParquetColumn(name: "source", type: .string),
        ParquetColumn(name: "is_awake", type: .boolean),
      ] + times.map { ParquetColumn(name: $0, type: .timestampMicros) }
    var writer = ParquetFileWriter(
      schema: ParquetSchema(columns: columns),
      options: ParquetWriterOptions(compression: .zstd(level: 1), createdBy: "test"))
    if !devices.isEmpty {
      writer.beginRowGroup(rowCount: devices.count)
      var starts = [0]
      for device in devices { starts.append(starts.last! + device.source.utf8.count) }
      writer.writeColumn(
        .byteStrings(ByteStrings(bytes: devices.flatMap { Array($0.source.utf8) }, starts: starts)))
      writer.writeColumn(.boolean(devices.map(\.isAwake)))
      var validity = [UInt64](repeating: 0, count: (devices.count + 63) / 64)
      for (row, device) in devices.enumerated() where device.final != nil {
        validity[row / 64] |= 1 << UInt64(row % 64)
      }
      writer.writeColumn(.int64(devices.map { ($0.final ?? 0) + second }), validity: validity)
      writer.writeColumn(.int64(devices.map { $0.final ?? 0 }), validity: validity)
      writer.writeColumn(.int64(devices.map { _ in noon }))
      writer.endRowGroup()
    }
    return writer.finish().output
  }

  @Test func `the bound of a source is the smallest of its awake devices`() throws {
    let root = try Root()
    try root.commit([Device(final: noon), Device(source: "r", final: noon - day)])
    try root.commit(
      [Device(final: noon - minute), Device(isAwake: false, final: noon - day)], partition: 1)
    let catalog = try root.catalog()
    let source = try #require(catalog.sources.last)
    #expect(catalog.sources.map(\.source) == ["r", "s"] && catalog.finalityTrouble == nil)
    #expect(source.deviceCount == 3 && source.awakeCount == 2)
    #expect(source.finalThrough == noon - minute)
    #expect(source.completeThrough == noon - minute + second)
    #expect(source.finalThroughOfAll == noon - day)
    #expect(source.sleepingBehindCount == 1)
  }

  // MARK: - Files that cannot be read

  @Test(arguments: [true, false])
  func `while one file cannot be read nothing is final, of no source`(isGarbage: Bool) throws {
    let root = try Root()
    try root.commit([Device(final: noon), Device(source: "r", final: noon)])
    let path = try root.commit([Device(final: noon - day)], partition: 1)
    var catalog = try root.catalog()
    #expect(catalog.sources.map(\.finalThrough) == [noon, noon - day])
    if isGarbage {
      try root.replace(path, Array("PAR1 something else PARE".utf8))
    } else {
      try root.storage.delete("\(Root.folder)/\(path)")
    }
    catalog = try root.catalog()
    #expect(catalog.finalityTrouble?.contains(path) == true)
    #expect(catalog.sources.map(\.source) == ["r", "s"])
    for source in catalog.sources {
      #expect(source.finalThrough == nil && source.completeThrough == nil)
      #expect(source.finalThroughOfAll == nil && source.sleepingBehindCount == 0)
      #expect(source.json["final_through"] == .null)
      #expect(source.json["partitions"]?.arrayValue?[0]["final_through"] == .null)
    }
    try root.remove(path)
    try catalog.follow()
    #expect(catalog.finalityTrouble == nil)
    #expect(catalog.sources.map(\.finalThrough) == [noon, noon])
  }

  @Test func `nor is it while a file lies outside of the table`() throws {
    let root = try Root()
    try root.commit([Device(final: noon)])
    try root.commit([], partition: 1, as: "s3://elsewhere/f.parquet")
    let catalog = try root.catalog()
    #expect(catalog.finalityTrouble?.contains("s3://elsewhere/f.parquet") == true)
    #expect(catalog.sources.map(\.finalThrough) == [nil])
  }

  // MARK: - Incarnations that have ended

  @Test func `an incarnation that has ended holds no bound`() throws {
    let root = try Root()
    try root.commit([Device(final: noon - day), Device(isAwake: false, final: noon - 2 * day)])
    try root.commit([Device(final: noon - day)], partition: 1)
    #expect(try root.catalog().sources[0].finalThrough == noon - day)
    try root.commit([Device(final: noon)], incarnation: 1)
    let source = try root.catalog().sources[0]
    #expect(source.finalThrough == noon && source.finalThroughOfAll == noon)
    #expect(source.completeThrough == noon + second)
    #expect(source.deviceCount == 1 && source.awakeCount == 1)
    #expect(source.sleepingBehindCount == 0)
    #expect(source.partitions.map(\.isEnded) == [true, true, false])
    #expect(
      source.json["partitions"]?.arrayValue?.map { $0["ended"] } == [true, true, false])
  }

  @Test func `a part without devices ends the incarnation before it, too`() throws {
    let root = try Root()
    try root.commit([Device(final: noon)])
    try root.commit([], incarnation: 1)
    let source = try root.catalog().sources[0]
    #expect(source.finalThrough == nil && source.finalThroughOfAll == nil)
    #expect(source.deviceCount == 0 && source.partitions.map(\.isEnded) == [true])
  }

  // MARK: - Devices without a time

  @Test func `awake devices without a plausible time are counted, and hold nothing`() throws {
    let root = try Root()
    try root.commit([Device(final: noon), Device(), Device(isAwake: false), Device()])
    try root.commit([Device()], partition: 1)
    let source = try root.catalog().sources[0]
    #expect(source.awakeCount == 4 && source.timelessCount == 3)
    #expect(source.finalThrough == noon && source.finalThroughOfAll == noon)
    #expect(source.json["timeless"] == 3)
    #expect(source.json["partitions"]?.arrayValue?.map { $0["timeless"] } == [2, 1])
  }
}
