import Base
import DeltaLog
import Storage
import TableReading
import Testing

@Suite struct TableFollowerTests {
  private static func rows(_ devices: Range<Int>, at start: Int64 = noon) -> [WindowRow] {
    devices.map { WindowRow(device: "d\($0)", start: start, mean: Double($0)) }
  }

  @Test func `sizes follow the log, whoever writes it`() throws {
    let root = try WindowsRoot()
    let table = FollowedTable(name: "windows", storage: root.storage)
    #expect(table.size == nil)
    #expect(table.follow(forMillis: 10_000))
    #expect(
      table.size
        == TableSize(name: "windows", version: 0, fileCount: 0, byteCount: 0, rowCount: 0))
    let first = try root.commit(Self.rows(0..<3))
    let second = try root.commit(Self.rows(3..<10))
    #expect(table.follow(forMillis: 10_000))
    let bytes = (first + second).reduce(0) { $0 + $1.byteCount }
    #expect(
      table.size
        == TableSize(name: "windows", version: 2, fileCount: 2, byteCount: bytes, rowCount: 10))
    let whole = try root.files(Self.rows(0..<10))
    try root.rewrite(first + second, as: whole)
    table.follow(forMillis: 10_000)
    #expect(
      table.size
        == TableSize(
          name: "windows", version: 3, fileCount: 1, byteCount: whole[0].byteCount, rowCount: 10))
    try root.put(whole.map { WindowsRoot.remove($0, change: true) })
    table.follow(forMillis: 10_000)
    #expect(table.size?.fileCount == 0 && table.size?.byteCount == 0)
    #expect(table.size?.rowCount == 0 && table.trouble == nil)
  }

  @Test(arguments: [("true", true), ("TRUE", true), ("false", false), ("", false)])
  func `whether rows may only come is said with the size, and in the catalog`(
    value: String, isAppendOnly: Bool
  ) throws {
    let root = try WindowsRoot()
    let metaData = DeltaAction.metaData(
      id: "00000000-0000-4000-8000-000000000000", name: "windows",
      schema: DeltaSchema(columns: [DeltaColumn("event_date", .date)]),
      configuration: [("delta.appendOnly", value)], createdTimeMillis: 0)
    try root.put([metaData])
    let table = FollowedTable(name: "windows", storage: root.storage)
    #expect(table.follow(forMillis: 10_000))
    #expect(table.size?.isAppendOnly == isAppendOnly)
    var catalog = TableCatalog(storage: root.storage)
    try catalog.follow()
    #expect(catalog.entries.map(\.isAppendOnly) == [isAppendOnly])
    #expect(catalog.entries[0].json["append_only"]?.boolValue == isAppendOnly)
  }

  @Test func `each commit is read once`() throws {
    let root = try WindowsRoot()
    for number in 0..<20 { try root.commit(Self.rows(number..<number + 1)) }
    let table = FollowedTable(name: "windows", storage: root.storage)
    table.follow(forMillis: 10_000)
    #expect(table.size?.fileCount == 20)
    let before = root.storage.count(of: .read)
    table.follow(forMillis: 10_000)
    try root.commit(Self.rows(30..<31))
    table.follow(forMillis: 10_000)
    // A look at the next number each time, and the one that is new.
    #expect(root.storage.count(of: .read) - before <= 3)
    #expect(table.size?.fileCount == 21)
  }

  @Test func `without time it reads one commit a call, and says nothing until the end`() throws {
    let root = try WindowsRoot()
    for number in 0..<3 { try root.commit(Self.rows(number..<number + 1)) }
    let table = FollowedTable(name: "windows", storage: root.storage)
    var callCount = 1
    while !table.follow(forMillis: 0) {
      #expect(table.size == nil)
      callCount += 1
    }
    #expect(callCount == 5 && table.size?.rowCount == 3)
  }

  @Test func `files without a count make the rows unknown, and only them`() throws {
    let root = try WindowsRoot()
    try root.commit(Self.rows(0..<3))
    try root.put([["add": ["path": "part-0.parquet", "size": 7, "dataChange": true]]])
    let table = FollowedTable(name: "windows", storage: root.storage)
    table.follow(forMillis: 10_000)
    #expect(table.size?.rowCount == nil && table.size?.fileCount == 2)
    try root.put([["remove": ["path": "part-0.parquet", "dataChange": true]]])
    table.follow(forMillis: 10_000)
    #expect(table.size?.rowCount == 3)
  }

  @Test func `a log that cannot be read is a sentence, and one that begins anew is followed`()
    throws
  {
    let root = try WindowsRoot()
    try root.commit(Self.rows(0..<3))
    let table = FollowedTable(name: "windows", storage: root.storage)
    table.follow(forMillis: 10_000)
    let log = "tables/windows/_delta_log/"
    _ = try root.storage.putIfAbsent(log + "00000000000000000002.json", Array("{".utf8))
    #expect(table.follow(forMillis: 10_000))
    #expect(table.trouble?.contains("commit 2") == true)
    #expect(table.size?.rowCount == 3)
    for version in 1...2 { try root.storage.delete(log + "0000000000000000000\(version).json") }
    while !table.follow(forMillis: 10_000) {}
    #expect(table.size?.rowCount == 0 && table.size?.version == 0 && table.trouble == nil)
  }

  @Test func `a table that is not there is nothing`() {
    let table = FollowedTable(name: "windows", storage: MemoryStorage())
    #expect(table.follow(forMillis: 10_000))
    #expect(table.size == nil && table.trouble == nil && table.version == -1)
  }

  @Test func `files are skipped by date and by times`() throws {
    let root = try WindowsRoot()
    for offset in [0, minute, 10 * minute, day] {
      try root.commit(Self.rows(0..<1, at: noon + offset))
    }
    var follower = TableFollower(
      storage: root.storage, folder: WindowsRoot.folder, timeColumn: "window_start")
    #expect(try follower.follow(untilNanos: .max))
    func versions(_ times: ClosedRange<Int64>) -> [Int64] {
      follower.files(times: times).map(\.version)
    }
    #expect(versions(noon...noon + minute) == [2, 1])
    #expect(versions(noon + 5 * minute...noon + day) == [4, 3])
    #expect(versions(noon - day...noon - minute) == [])
    #expect(versions(Int64.min / 4...Int64.max / 4) == [4, 3, 2, 1])
    let file = try #require(follower.files(times: noon...noon).first)
    let action = try #require(try follower.add(of: file))
    #expect(try root.storage.exists(action.path))
    #expect(action.mayHold(Array("d0".utf8), in: "device_id"))
    #expect(!action.mayHold(Array("d1".utf8), in: "device_id"))
    #expect(action.mayHold(Array("d1".utf8), in: "kafka_topic"))
  }
}
