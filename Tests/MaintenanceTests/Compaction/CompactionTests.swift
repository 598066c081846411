import Base
import DeltaLog
import Ledger
import Parquet
import Storage
import Testing

@testable import Maintenance

@Suite struct CompactionTests {
  private static let now = WallClock.nowMicros() / 1000

  /// A table with many small files of dates that are over.
  private func table(
    _ seed: UInt64, files: Int = 40, storage: any Storage = MemoryStorage()
  ) throws -> TestTable {
    let table = try TestTable.readings(storage)
    var random = RandomRows(seed: seed)
    for _ in 0..<files {
      try table.add(
        random.readings(1 + random.below(60), devices: 7), date: "2024-10-04",
        modifiedMillis: Self.now - 5 * TestTable.hour, rowGroupRowCount: 1 + random.below(30))
    }
    return table
  }

  private func run(_ table: TestTable, pace: MaintenancePace? = nil) throws -> MaintainedTable {
    var maintained = try table.maintained()
    try CompactionStep.run(&maintained, in: table.pass(pace: pace))
    return maintained
  }

  @Test(arguments: [1, 2, 3] as [UInt64])
  func `every row is there afterwards, in order, bit for bit`(seed: UInt64) throws {
    let table = try table(seed)
    let before = TestTable.multiset(try table.rows().flatMap { $0 })
    let after = try run(table)
    let rows = try table.rows()
    #expect(after.snapshot.fileCount == 1 && after.status.mergedFileCount == 40, "seed \(seed)")
    #expect(TestTable.multiset(rows.flatMap { $0 }) == before, "seed \(seed)")
    #expect(Self.isOrdered(rows[0]), "seed \(seed)")
  }

  /// PROTOCOL.md, "Append-only Tables": what changes no row may rearrange files.
  @Test func `a table whose rows may only come is merged all the same`() throws {
    let table = try table(5)
    let before = TestTable.multiset(try table.rows().flatMap { $0 })
    try table.makeAppendOnly()
    let after = try run(table)
    #expect(after.snapshot.properties.isAppendOnly && after.snapshot.fileCount == 1)
    #expect(TestTable.multiset(try table.rows().flatMap { $0 }) == before)
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func `slices that hold little give the same rows in the same order`(seed: UInt64) throws {
    let table = try table(seed)
    let maintained = try table.maintained()
    let layout = try #require(TableLayout(metaData: maintained.snapshot.metaData))
    let pass = table.pass()
    let inputs = try maintained.snapshot.files.map {
      try MergeInput("\(table.folder)/\($0.path)", checksum: nil, layout: layout, in: pass)
    }
    var results: [[TestTable.Row]] = []
    for byteCountMax in [300, 5000, 1 << 30] {
      var merge = try RowMerge(
        inputs, layout: layout, pace: pass.pace, sliceByteCountMax: byteCountMax)
      let path = "tables/readings_x/event_date=2024-10-04/slices-\(byteCountMax).parquet"
      let merged = try merge.write(path, in: table.storage, options: TestTable.parquet)
      #expect(merged.summary.rowCount == merge.rowCount)
      results.append(try table.rows(of: String(path.dropFirst(table.folder.count + 1))))
    }
    let texts = results.map { $0.map { TestTable.multiset([$0])[0] } }
    #expect(texts.dropFirst().allSatisfy { $0 == texts[0] }, "seed \(seed)")
  }

  @Test func `large row groups that follow each other are copied, small ones between are merged`()
    throws
  {
    let table = try table(15, files: 0)
    var random = RandomRows(seed: 16)
    let count = MergeSegment.copyRowCountMin
    for (file, device) in ["c", "a", "b", "b", "d"].enumerated() {
      // Two small files lie between the large ones.
      let rowCount = device == "b" ? 50 : count
      let row = random.reading(devices: 1, atMicros: 0)
      let rows = (0..<rowCount).map { number -> TestTable.Row in
        [.bytes(Array(device.utf8)), .integer(Int64(number * 2 + file % 2))] + row[2...]
      }
      try table.add(rows, date: "2024-10-04", modifiedMillis: 0)
    }
    var maintained = try table.maintained()
    var compaction = try #require(Compaction(maintained, in: table.pass()))
    let outcome = try compaction.merge(Array(maintained.snapshot.files), of: &maintained)
    guard case .merged(let merge) = outcome else {
      Issue.record("\(outcome)")
      return
    }
    #expect(merge.rowCount == 3 * count + 100 && merge.copiedByteCount > 0)
    let file = try ParquetFile(bytes: try table.storage.read(merge.path))
    #expect(file.footer.rowGroups.map(\.rowCount) == [count, 100, count, count])
    #expect(Self.isOrdered(try table.rows()[0]))
  }

  @Test func `letters of one topic are cut into slices, and stay in the order of Kafka`() throws {
    let table = try TestTable(
      MemoryStorage(), "dead_letters",
      [
        DeltaColumn("kafka_topic", .string), DeltaColumn("kafka_partition", .integer),
        DeltaColumn("kafka_offset", .long), DeltaColumn("payload", .binary),
      ])
    var random = RandomRows(seed: 21)
    for _ in 0..<10 {
      let rows = (0..<30).map { _ in (random.below(3), random.below(1000)) }.sorted(by: <)
      try table.add(
        rows.map { partition, offset -> TestTable.Row in
          [
            .bytes(Array("telemetry".utf8)), .integer(Int64(partition)), .integer(Int64(offset)),
            .bytes([UInt8](repeating: 7, count: random.below(500))),
          ]
        }, date: "2024-10-04", modifiedMillis: 0)
    }
    let maintained = try table.maintained()
    let layout = try #require(TableLayout(metaData: maintained.snapshot.metaData))
    let inputs = try maintained.snapshot.files.map {
      try MergeInput(
        "\(table.folder)/\($0.path)", checksum: nil, layout: layout, in: table.pass())
    }
    var merge = try RowMerge(
      inputs, layout: layout, pace: table.pass().pace, sliceByteCountMax: 4000)
    let path = "tables/dead_letters/event_date=2024-10-04/merged.parquet"
    _ = try merge.write(path, in: table.storage, options: TestTable.parquet)
    let rows = try table.rows(of: "event_date=2024-10-04/merged.parquet")
    let places = rows.compactMap { row -> (Int64, Int64)? in
      guard case .integer(let partition)? = row[1], case .integer(let offset)? = row[2] else {
        return nil
      }
      return (partition, offset)
    }
    #expect(places.count == 300)
    #expect(zip(places, places.dropFirst()).allSatisfy { $0 <= $1 })
    #expect(
      TestTable.multiset(rows) == TestTable.multiset(try table.rows().flatMap { $0 }))
  }

  private static func isOrdered(_ rows: [TestTable.Row]) -> Bool {
    func key(_ row: TestTable.Row) -> ([UInt8], Int64) {
      var text: [UInt8] = []
      var time = Int64.min
      if case .bytes(let bytes)? = row[0] { text = bytes }
      if case .integer(let micros)? = row[1] { time = micros }
      return (text, time)
    }
    return zip(rows, rows.dropFirst()).allSatisfy { left, right in
      let (first, second) = (key(left), key(right))
      if first.0 == second.0 { return first.1 <= second.1 }
      return first.0.lexicographicallyPrecedes(second.0)
    }
  }

  @Test func `columns that came later read as null in rows of before`() throws {
    let table = try table(5, files: 20)
    try table.grow([DeltaColumn("amps", .double), DeltaColumn("note", .string)])
    var random = RandomRows(seed: 6)
    for _ in 0..<20 {
      let rows = random.readings(30, devices: 7).map { row in
        row + [.double(1.5), .bytes(Array("né".utf8))]
      }
      try table.add(rows, date: "2024-10-04", modifiedMillis: Self.now - 5 * TestTable.hour)
    }
    let before = TestTable.multiset(try table.rows().flatMap { $0 })
    #expect(try run(table).snapshot.fileCount == 1)
    #expect(TestTable.multiset(try table.rows().flatMap { $0 }) == before)
  }

  @Test func `the commit says that no row has changed, with statistics and a checksum`() throws {
    let table = try table(7)
    let after = try run(table)
    let file = try #require(after.snapshot.files.first { _ in true })
    #expect(OwnName.maintained(StoragePath.name(of: file.path), pipeline: "fleet") != nil)
    let statistics = try #require(after.snapshot.statistics(of: file))
    let parsed = try JSONValue(parsing: statistics)
    #expect(parsed["nullCount"]?["device_id"] != nil && parsed["minValues"]?["event_time"] != nil)
    let bytes = try table.storage.read("\(table.folder)/\(file.path)")
    let tag = after.snapshot.tags(of: file).first { $0.key == AddFile.checksumTag }?.value
    #expect(tag == RandomID.hex(XXHash64.hash(bytes)))
    let reader = LogReader(storage: table.storage, folder: table.folder, appID: "fleet/ledger")
    let commit = try #require(try reader.commit(after.snapshot.version)?.foreign)
    #expect(commit.kind == .rearranged)
    #expect(commit.operation == "OPTIMIZE" && commit.isMaintenance)
  }

  @Test func `a second turn finds nothing to do`() throws {
    let table = try table(8)
    let first = try run(table)
    let second = try run(table)
    #expect(second.snapshot.version == first.snapshot.version)
  }

  @Test func `an input that was removed meanwhile is a conflict, and nothing stays`() throws {
    let table = try table(9)
    var maintained = try table.maintained()
    let pass = table.pass()
    var compaction = try #require(Compaction(maintained, in: pass))
    let files = Array(maintained.snapshot.files)
    try table.putAsRival([files[3].removal(atMillis: 1, changesRows: true)])
    let before = try table.storage.list("\(table.folder)/event_date=2024-10-04")
    let outcome = try compaction.merge(files, of: &maintained)
    guard case .conflict = outcome else {
      Issue.record("\(outcome)")
      return
    }
    #expect(try table.storage.list("\(table.folder)/event_date=2024-10-04") == before)
    // The next turn goes on with what there is.
    #expect(try run(table).snapshot.fileCount == 1)
  }

  @Test func `commits of the ledger meanwhile disturb nothing`() throws {
    let table = try table(10)
    var maintained = try table.maintained()
    var compaction = try #require(Compaction(maintained, in: table.pass()))
    let files = Array(maintained.snapshot.files)
    var random = RandomRows(seed: 11)
    for _ in 0..<3 {
      try table.add(random.readings(5, devices: 3), date: "2024-10-04", modifiedMillis: Self.now)
    }
    let before = TestTable.multiset(try table.rows().flatMap { $0 })
    let outcome = try compaction.merge(files, of: &maintained)
    guard case .merged(let merge) = outcome else {
      Issue.record("\(outcome)")
      return
    }
    #expect(merge.version == 44 && maintained.snapshot.fileCount == 4)
    #expect(TestTable.multiset(try table.rows().flatMap { $0 }) == before)
  }

  @Test func `a damaged file gets no new checksum, and keeps no other from being merged`() throws {
    let table = try table(12)
    let path = try table.add(
      RandomRows(seed: 1).firstRows(4), date: "2024-10-04",
      modifiedMillis: Self.now - 5 * TestTable.hour, checksum: 1)
    var maintained = try table.maintained()
    let pass = table.pass()
    try CompactionStep.run(&maintained, in: pass)
    #expect(maintained.leftAlone == [path] && maintained.snapshot.fileCount == 41)
    try CompactionStep.run(&maintained, in: pass)
    #expect(maintained.snapshot.fileCount == 2)
  }

  @Test func `a file that is gone without a commit is left alone and said`() throws {
    let table = try table(13)
    let maintained = try table.maintained()
    let lost = Array(maintained.snapshot.files)[5].path
    try table.storage.delete("\(table.folder)/\(lost)")
    var again = try table.maintained()
    try CompactionStep.run(&again, in: table.pass())
    #expect(again.leftAlone == [lost])
  }

  @Test func `the end is met between two reads`() throws {
    let table = try table(14)
    let pace = MaintenancePace(bytesPerSecond: nil)
    pace.end()
    let error = #expect(throws: MaintenanceFault.self) { try run(table, pace: pace) }
    #expect(error?.description == "stopped")
  }

  @Test func `names are read back`() {
    let name = MaintenanceFileName(
      pipeline: "a-b", baseVersion: 42, attempt: RandomID.make(), number: 3)
    #expect(OwnName.maintained(name.description, pipeline: "a-b")?.baseVersion == 42)
    #expect(OwnName.maintained(name.description, pipeline: "a") == nil)
    #expect(OwnName.data(name.description, pipeline: "a-b") == nil)
  }
}

extension RandomRows {
  fileprivate func firstRows(_ count: Int) -> [TestTable.Row] {
    var copy = self
    return copy.readings(count, devices: 2)
  }
}
