import Base
import DeltaLog
import Logging
import Storage
import Testing

@testable import Maintenance

/// Retention, deletion and the clean-up by hand, over storage in memory.
@Suite struct RemovalTests {
  private static let dayMillis: Int64 = 86_400_000
  private let storage = MemoryStorage()
  private let today = Int64(WallClock.nowMicros() / 86_400_000_000)

  private func date(_ ago: Int64) -> String { Timestamp.dateText(day: Int32(today - ago)) }

  private func pass(_ change: (inout MaintenanceOptions) -> Void = { _ in }) -> MaintenancePass {
    var options = MaintenanceOptions()
    options.keepMillis = ["readings_solar": 10 * Self.dayMillis]
    change(&options)
    return MaintenancePass(
      storage: storage, pipeline: TableMaker.pipeline, engineInfo: "test", options: options,
      pace: MaintenancePace(bytesPerSecond: nil), log: Logger(label: "test"))
  }

  private func remove(_ path: String, at millis: Int64) -> JSONValue {
    [
      "remove": [
        "path": .string(path), "deletionTimestamp": .int(millis), "dataChange": true, "size": 10,
      ]
    ]
  }

  @Test func `expired dates leave the table in one commit, and their files stay for readers`()
    throws
  {
    let maker = TableMaker(storage)
    let adds = [0, 5, 10, 11, 12, 400].map { maker.add("f\($0)", date: date($0)) }
    try maker.write(adds)
    try maker.put(adds)
    var table = try maker.maintained()
    try RetentionStep.run(&table, in: pass())
    #expect(Set(try maker.snapshot().files.map(\.partitionValues["event_date"])) == [
      date(0), date(5), date(10),
    ])
    #expect(table.status.expiredFileCount == 3 && table.status.expiredDateCount == 3)
    let log = try storage.read("\(maker.folder)/_delta_log/00000000000000000001.json")
    let lines = try log.split(separator: UInt8(ascii: "\n")).map { try JSONValue(parsing: $0) }
    let info = lines.first { $0["commitInfo"] != nil }?["commitInfo"]
    #expect(info?["operation"]?.stringValue == "DELETE")
    #expect(
      info?["operationParameters"]?["predicate"]?.stringValue
        == "[\"event_date >= '\(date(400))' AND event_date <= '\(date(11))'\"]")
    #expect(lines.allSatisfy { $0["remove"]?["dataChange"]?.boolValue ?? true })
    #expect(try maker.has("event_date=\(date(400))/f400.parquet"))
    // Nothing more to do.
    try RetentionStep.run(&table, in: pass())
    #expect(try maker.snapshot().version == 1)
  }

  @Test func `rows that come late for an expired date go with the next pass`() throws {
    let maker = TableMaker(storage)
    try maker.put([maker.add("a", date: date(30))])
    var table = try maker.maintained()
    try RetentionStep.run(&table, in: pass())
    try maker.put([maker.add("late", date: date(30))])
    try table.follow()
    #expect(table.snapshot.fileCount == 1)
    try RetentionStep.run(&table, in: pass())
    #expect(try maker.snapshot().fileCount == 0)
  }

  @Test func `a table whose rows may only come is refused, and says so`() throws {
    let maker = TableMaker(storage)
    try maker.put(
      [maker.add("a", date: date(30))], properties: ["delta.appendOnly": "true"])
    var table = try maker.maintained()
    try RetentionStep.run(&table, in: pass())
    #expect(table.status.refusal?.contains("delta.appendOnly") == true)
    #expect(try maker.snapshot().fileCount == 1)
  }

  @Test func `marks of letters stay while a letter of their date is there, and a week longer`()
    throws
  {
    let letters = TableMaker(storage, name: "dead_letters")
    let marks = TableMaker(storage, name: "dead_letter_replays")
    let keep: (inout MaintenanceOptions) -> Void = {
      $0.keepMillis = ["dead_letters": 10 * 86_400_000, "dead_letter_replays": 10 * 86_400_000]
    }
    try letters.put([letters.add("l", date: date(30))])
    try marks.put([marks.add("m", date: date(30)), marks.add("n", date: date(15))])
    var marksTable = try marks.maintained()
    try RetentionStep.run(&marksTable, in: pass(keep))
    #expect(try marks.snapshot().fileCount == 2)
    var lettersTable = try letters.maintained()
    try RetentionStep.run(&lettersTable, in: pass(keep))
    #expect(try letters.snapshot().fileCount == 0)
    try RetentionStep.run(&marksTable, in: pass(keep))
    #expect(try marks.snapshot().files.map(\.partitionValues["event_date"]) == [date(15)])
  }

  @Test func `files go once their time is over, and folders with the last of them`() throws {
    let maker = TableMaker(storage)
    let adds = ["old", "young", "live", "back"].map { maker.add($0, date: date(3)) }
    let alone = maker.add("alone", date: date(9))
    try maker.write(adds + [alone])
    try maker.put(adds + [alone])
    let now = today * Self.dayMillis
    let paths = ["old", "young", "back"].map { "event_date=\(date(3))/\($0).parquet" }
    try maker.put([
      remove(paths[0], at: now - 8 * Self.dayMillis), remove(paths[1], at: now),
      remove(paths[2], at: now - 9 * Self.dayMillis),
      remove("event_date=\(date(9))/alone.parquet", at: 5),
    ])
    // Another engine brings a file back.
    try maker.put([adds[3]])
    var table = try maker.maintained()
    try TombstoneStep.run(&table, in: pass())
    #expect(try !maker.has(paths[0]))
    #expect(try maker.has(paths[1]) && maker.has(paths[2]))
    #expect(try !maker.has("event_date=\(date(9))"))
    #expect(table.status.deletedFileCount == 2 && table.status.deletedByteCount == 20)
  }

  @Test func `the table's own retention goes before ours`() throws {
    let maker = TableMaker(storage)
    let adds = [maker.add("a", date: date(3))]
    try maker.write(adds)
    try maker.put(adds, properties: ["delta.deletedFileRetentionDuration": "interval 30 days"])
    let path = "event_date=\(date(3))/a.parquet"
    try maker.put([remove(path, at: (today - 20) * Self.dayMillis)])
    var table = try maker.maintained()
    try TombstoneStep.run(&table, in: pass())
    #expect(try maker.has(path))
  }

  /// Others leave tombstones out of their log checkpoints after a week.
  @Test func `a file that another's checkpoint may have forgotten is no orphan yet`() throws {
    let maker = TableMaker(storage)
    let adds = [maker.add("a", date: date(3))]
    try maker.put([["commitInfo": ["timestamp": .int(today * Self.dayMillis)]]] + adds)
    let gone = "event_date=\(date(3))/fleet-m0-x-0.parquet"
    _ = try storage.putIfAbsent("\(maker.folder)/\(gone)", [1])
    for version in 1...1000 {
      let number = String(repeating: "0", count: 20 - "\(version)".count) + "\(version)"
      _ = try storage.putIfAbsent(
        "\(maker.folder)/_delta_log/\(number).json", Array(#"{"commitInfo":{}}"#.utf8))
    }
    var table = try maker.maintained()
    _ = try table.snapshot.writeCheckpoint(
      LogCheckpointOptions(nowMillis: 1, deletedFileRetentionMillis: 1))
    let old = { (options: inout MaintenanceOptions) in options.orphanAgeSeconds = -1 }
    let long = { (options: inout MaintenanceOptions) in
      options.orphanAgeSeconds = -1
      options.deletedFileKeepMillis = 30 * Self.dayMillis
    }
    func sweep(_ change: (inout MaintenanceOptions) -> Void) throws -> OrphanSweep {
      try OrphanSweep(&table, in: pass(change), removesUnfinished: false)
    }
    #expect(try sweep(long).orphans.map(\.path) == ["\(maker.folder)/\(gone)"], "all was read")
    table = try maker.maintained()
    #expect(try sweep(long).orphans.isEmpty && sweep(long).undecidedCount == 1)
    #expect(try sweep(old).orphans.count == 1, "a week is what others keep as well")
  }

  @Test func `steps that a webhook has not been told stay for four times the table's own time`()
    throws
  {
    let maker = TableMaker(storage, name: "anomalies")
    let now = WallClock.nowMicros() / 1000
    for hours in [90, 80, 30, 0] as [Int64] {
      try maker.put(
        [["commitInfo": ["timestamp": .int(now - hours * 3_600_000)]]],
        properties: ["delta.logRetentionDuration": "interval 24 hours"])
      var table = try maker.maintained()
      _ = try table.snapshot.writeCheckpoint(
        LogCheckpointOptions(nowMillis: now, deletedFileRetentionMillis: 1))
    }
    func commits(delivered: Int64) throws -> [Int64] {
      let memory: JSONValue = ["delivered": .int(delivered)]
      try storage.replace("_alerts/ops.json", memory.bytes)
      // The first may be busy with log checkpoints that are of no use any more.
      for _ in 0..<2 {
        var table = try maker.maintained()
        try LogCleanupStep.run(&table, in: pass())
      }
      return LogNames(try storage.list("\(maker.folder)/_delta_log")).commits
    }
    #expect(try commits(delivered: 0) == [0, 1, 2, 3], "none is older than four days")
    #expect(try commits(delivered: 3) == [2, 3], "all but one are older than a day")
  }

  @Test func `a path that leads out of the table is nobody's to delete`() throws {
    let maker = TableMaker(storage)
    _ = try storage.putIfAbsent("tables/other/x.parquet", [1])
    try maker.put([maker.add("a", date: date(0))])
    try maker.put([remove("../other/x.parquet", at: 5), remove("/etc/passwd", at: 5)])
    var table = try maker.maintained()
    try TombstoneStep.run(&table, in: pass())
    #expect(try storage.exists("tables/other/x.parquet"))
    #expect(table.status.deletedFileCount == 0)
  }

  /// Whatever operation fails, the next pass comes to the same end.
  @Test func `a fault at any operation changes nothing of the outcome`() throws {
    for step in 0..<500 {
      let storage = MemoryStorage()
      let maker = TableMaker(storage)
      let adds = [1, 20, 30].map { maker.add("f\($0)", date: date($0)) }
      try maker.write(adds)
      try maker.put(adds)
      try maker.put([remove("event_date=\(date(1))/f1.parquet", at: 5)])
      var options = MaintenanceOptions()
      options.keepMillis = ["readings_solar": 10 * Self.dayMillis]
      options.deletedFileKeepMillis = -Self.dayMillis
      for attempt in 0..<2 {
        var table = MaintainedTable(name: maker.name, storage: storage, engine: "test")
        if attempt == 0 { storage.plan(.init(after: step, takesEffect: step.isMultiple(of: 2))) }
        let pass = MaintenancePass(
          storage: storage, pipeline: TableMaker.pipeline, engineInfo: "test", options: options,
          pace: MaintenancePace(bytesPerSecond: nil), log: Logger(label: "test"))
        do throws(MaintenanceFault) {
          try table.follow()
          try RetentionStep.run(&table, in: pass)
          try TombstoneStep.run(&table, in: pass)
        } catch {
          #expect(attempt == 0, "step \(step): \(error)")
        }
        // There are no more operations to fail at.
        if storage.plannedFaultCount > 0 { return }
      }
      #expect(try maker.snapshot().fileCount == 0, "step \(step)")
      #expect(storage.paths.allSatisfy { $0.contains("_delta_log") }, "step \(step)")
    }
  }

  @Test func `a dry run says everything and does nothing, and a run does what it said`() throws {
    let maker = TableMaker(storage)
    let adds = [0, 20].map { maker.add("f\($0)", date: date($0)) }
    try maker.write(adds)
    try maker.put(adds)
    try maker.put([remove("event_date=\(date(0))/f0.parquet", at: 5)])
    let foreign = "\(maker.folder)/event_date=\(date(0))/part-0001.parquet"
    _ = try storage.putIfAbsent(foreign, [1])
    var options = MaintenanceOptions()
    options.keepMillis = ["readings_solar": 10 * Self.dayMillis]
    let work = VacuumWork(
      storage: storage, pipeline: TableMaker.pipeline, program: "test", options: options,
      log: Logger(label: "test"))
    let before = storage.paths
    // Nobody has written a ledger: without a chain nothing is proven, and foreign files are looked
    // at with the same eyes.
    let planned = try work.run(only: maker.name, isDryRun: true)
    #expect(storage.paths == before)
    #expect(planned.items.map(\.kind) == [.expired, .removed], "\(planned)")
    #expect(planned.foreignCount == 1)
    let done = try work.run(only: maker.name, isDryRun: false)
    #expect(done == planned)
    #expect(try maker.snapshot().fileCount == 0)
    #expect(try !maker.has("event_date=\(date(0))/f0.parquet"))
    #expect(try storage.exists(foreign))
    #expect(try work.run(only: maker.name, isDryRun: false).items.isEmpty)
  }
}
