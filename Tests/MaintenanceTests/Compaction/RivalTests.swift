import Base
import DeltaLog
import TestSupport
import Testing

@testable import Maintenance

/// Compaction beside another engine, and judged by it: deltalake and pyarrow.
@Suite struct RivalTests {
  private static let now = WallClock.nowMicros() / 1000

  private func table(_ root: TemporaryRoot, seed: UInt64) throws -> TestTable {
    let table = try TestTable.readings(root.storage)
    var random = RandomRows(seed: seed)
    for _ in 0..<40 {
      try table.add(
        random.readings(40, devices: 9), date: "2024-10-04",
        modifiedMillis: Self.now - 5 * TestTable.hour, rowGroupRowCount: 17)
    }
    return table
  }

  private func path(_ root: TemporaryRoot) -> String { root.path + "/tables/readings_x" }

  @Test func `another engine reads the same rows afterwards, sorted`() throws {
    let root = try TemporaryRoot()
    let table = try table(root, seed: 1)
    let before = try Rival.run("rows", path(root))
    var maintained = try table.maintained()
    try CompactionStep.run(&maintained, in: table.pass())
    let after = try Rival.run("rows", path(root))
    #expect(before["count"]?.int64Value == 1600 && before["files"]?.int64Value == 40)
    #expect(after["hash"] == before["hash"] && after["count"] == before["count"])
    #expect(after["files"]?.int64Value == 1 && after["sorted"]?.boolValue == true)
    #expect(after["operation"]?.stringValue == "OPTIMIZE")
  }

  @Test(arguments: ["optimize", "delete"])
  func `what another engine rewrote meanwhile is left to it`(_ command: String) throws {
    let root = try TemporaryRoot()
    let table = try table(root, seed: 2)
    var maintained = try table.maintained()
    var compaction = try #require(Compaction(maintained, in: table.pass()))
    let files = Array(maintained.snapshot.files)
    let theirs = try Rival.run(command, path(root))
    let outcome = try compaction.merge(files, of: &maintained)
    guard case .conflict = outcome else {
      Issue.record("\(outcome)")
      return
    }
    let after = try Rival.run("rows", path(root))
    #expect(after["hash"] == theirs["hash"] && after["version"] == theirs["version"])
    // The next turn leaves the other engine's files as they are.
    try CompactionStep.run(&maintained, in: table.pass())
    #expect(try Rival.run("rows", path(root))["hash"] == theirs["hash"])
  }

  @Test func `another engine goes on with merged files`() throws {
    let root = try TemporaryRoot()
    let table = try table(root, seed: 3)
    var maintained = try table.maintained()
    try CompactionStep.run(&maintained, in: table.pass())
    let before = try Rival.run("rows", path(root))
    let after = try Rival.run("delete", path(root))
    #expect((after["count"]?.int64Value ?? 0) < (before["count"]?.int64Value ?? 0))
    try maintained.follow()
    #expect(maintained.snapshot.version == after["version"]?.int64Value)
  }
}
