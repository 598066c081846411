import Base
import DeltaLog
import Ledger
import Storage
import Testing

@testable import Maintenance

@Suite struct CompactionCrashTests {
  private static let now = WallClock.nowMicros() / 1000
  private static let folder = "tables/readings_x/event_date=2024-10-04"

  private func table(_ storage: any Storage) throws -> TestTable {
    let table = try TestTable.readings(storage)
    var random = RandomRows(seed: 31)
    for _ in 0..<34 {
      try table.add(
        random.readings(9, devices: 4), date: "2024-10-04",
        modifiedMillis: Self.now - 5 * TestTable.hour)
    }
    return table
  }

  /// Death at every write, done or not: the table has its rows all the time, what is left behind
  /// has a name that proves it, and who comes next ends the work.
  @Test(arguments: [false, true])
  func `a crash at any write loses nothing`(isLastDone: Bool) throws {
    for writeCount in 0... {
      let memory = MemoryStorage()
      let table = try table(memory)
      let before = TestTable.multiset(try table.rows().flatMap { $0 })
      let dying = DyingStorage(memory, writeCount: writeCount, isLastDone: isLastDone)
      var first = MaintainedTable(name: table.name, storage: dying, engine: "downlinkd test")
      try first.follow()
      let pass = MaintenancePass(
        storage: dying, pipeline: TestTable.pipeline, engineInfo: "downlinkd test",
        options: MaintenanceOptions(), parquet: TestTable.parquet,
        pace: MaintenancePace(bytesPerSecond: nil), log: table.pass().log)
      do {
        try CompactionStep.run(&first, in: pass)
      } catch {
        #expect(dying.isDead, "\(error)")
      }
      #expect(TestTable.multiset(try table.rows().flatMap { $0 }) == before, "\(writeCount)")
      var second = try table.maintained()
      try CompactionStep.run(&second, in: table.pass())
      #expect(second.snapshot.fileCount == 1, "\(writeCount)")
      #expect(TestTable.multiset(try table.rows().flatMap { $0 }) == before, "\(writeCount)")
      let unnamed = try memory.list(Self.folder).filter {
        second.snapshot.file(at: "event_date=2024-10-04/\($0)") == nil
          && OwnName.data($0, pipeline: TestTable.pipeline) == nil
      }
      #expect(
        unnamed.allSatisfy { OwnName.maintained($0, pipeline: TestTable.pipeline) != nil },
        "\(unnamed)")
      #expect(unnamed.count <= 1, "\(writeCount)")
      if !dying.isDead { return }
    }
  }
}
