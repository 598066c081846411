import Base
import DeltaLog
import Storage
import Testing

/// What a table consists of, after commits of all kinds.
@Suite struct TableSnapshotTests {
  private let storage = MemoryStorage()

  private func snapshot() -> TableSnapshot {
    TableSnapshot(storage: storage, folder: tableFolder, engine: "downlink/test")
  }

  private func remove(_ path: String, at millis: Int64? = 5, size: Int64? = 7) -> JSONValue {
    var members = [JSONMember("path", .string(path)), JSONMember("dataChange", true)]
    if let millis { members.append(JSONMember("deletionTimestamp", .int(millis))) }
    if let size { members.append(JSONMember("size", .int(size))) }
    return ["remove": .object(members)]
  }

  @Test func `no table is no files at version -1, and that is no error`() throws {
    var table = snapshot()
    #expect(try !table.follow())
    #expect(table.version == -1 && table.fileCount == 0 && table.metaData == nil)
  }

  @Test func `commits of the ledger give files with all that their actions say`() throws {
    _ = try smallTable(storage).apply([entry(0), entry(1)], ledgerEnd: 9, after: .empty)
    var table = snapshot()
    #expect(try table.follow())
    #expect(table.version == 0, "one commit for both entries")
    #expect(table.files.map(\.path) == [path(0), path(1)])
    let file = try #require(table.file(at: path(1)))
    #expect(file.byteCount == 1 && file.rowCount == 1)
    #expect(file.modificationTimeMillis == 1_790_000_000_000)
    #expect(file.partitionValues["event_date"] == "2026-11-21")
    let statistics = try #require(table.statistics(of: file))
    #expect(try JSONValue(parsing: statistics)["numRecords"]?.int64Value == 1)
    #expect(table.transactions[appID]?.version == 1)
    #expect(table.metaData?["name"]?.stringValue == "readings_solar")
    #expect(table.tableProtocol?.minWriterVersion == 2)
    #expect(table.byteCount == 2)
  }

  @Test func `it follows commit by commit what a fresh one reads at once`() throws {
    var followed = snapshot()
    var bookmark = TableBookmark.empty
    for version in 0..<6 as Range<Int64> {
      bookmark = try smallTable(storage).apply(
        [entry(version)], ledgerEnd: 9, after: bookmark).bookmark
      try followed.follow()
      #expect(followed.version == version)
    }
    try putForeign(storage, 6, [remove(path(2)), remove(path(4), at: nil, size: nil)])
    #expect(try followed.follow())
    #expect(try !followed.follow(), "nothing is new")
    var fresh = snapshot()
    try fresh.follow()
    for table in [followed, fresh] {
      #expect(table.files.map(\.path) == [path(0), path(1), path(3), path(5)])
      let gone = Dictionary(uniqueKeysWithValues: table.tombstones.map { ($0.path, $0) })
      #expect(gone.count == 2 && table.tombstoneCount == 2)
      #expect(gone[path(2)]?.deletionTimeMillis == 5 && gone[path(2)]?.byteCount == 7)
      #expect(gone[path(4)]?.deletionTimeMillis == nil && gone[path(4)]?.byteCount == nil)
      #expect(table.byteCount == 4 && table.removedByteCount == 7)
      #expect(table.names(path(2)) && !table.names("event_date=2026-11-21/other"))
    }
  }

  @Test func `paths are one however they are written`() throws {
    _ = try smallTable(storage).apply([entry(0)], ledgerEnd: 9, after: .empty)
    let written = "event%5Fdate=2026-11-21/f0.parquet"
    try putForeign(storage, 1, [["add": ["path": .string(written), "size": 9]]])
    var table = snapshot()
    try table.follow()
    #expect(table.files.map(\.encodedPath) == [written])
    #expect(table.file(at: path(0))?.byteCount == 9)
    try putForeign(storage, 2, [remove(path(0))])
    try table.follow()
    #expect(table.fileCount == 0)
  }

  @Test func `a file that comes back is no tombstone any more`() throws {
    _ = try smallTable(storage).apply([entry(0)], ledgerEnd: 9, after: .empty)
    try putForeign(storage, 1, [remove(path(0))])
    try putForeign(storage, 2, [add("f0")])
    var table = snapshot()
    try table.follow()
    #expect(table.tombstoneCount == 0 && table.fileCount == 1 && table.removedByteCount == 0)
  }

  @Test func `a copy stands still while the other goes on`() throws {
    _ = try smallTable(storage).apply([entry(0)], ledgerEnd: 9, after: .empty)
    var table = snapshot()
    try table.follow()
    let old = table
    try putForeign(storage, 1, [remove(path(0)), add("b")])
    try table.follow()
    #expect(old.files.map(\.path) == [path(0)])
    #expect(table.files.map(\.path) == ["event_date=2026-11-21/b.parquet"])
  }

  @Test func `a deletion vector and a protocol beyond ours are refused by name`() throws {
    let bookmark = try smallTable(storage).apply(
      [entry(0)], ledgerEnd: 9, after: .empty).bookmark
    try putForeign(
      storage, 1,
      [["add": ["path": "a.parquet", "deletionVector": ["storageType": "u"]]]])
    var table = snapshot()
    let error = #expect(throws: DeltaError.self) { try table.follow() }
    #expect("\(try #require(error))".contains("deletion vectors"))
    #expect(table.version == 0, "it stands before the commit it cannot take")
    #expect(bookmark.deltaVersion == 0)
  }

  @Test(arguments: [
    (#"{"numRecords":12,"minValues":{}}"#, 12 as Int64?),
    (#"{"minValues":{"numRecords":3},"numRecords" : 12}"#, 12),
    (#"{"minValues":{"a":"\"numRecords\":4"},"nullCount":{"a":[1]}}"#, nil),
    (#"{"numRecords":"#, nil), (#"{"numRecords":null}"#, nil), ("", nil), (#"{"a"#, nil),
  ])
  func `rows are counted by statistics in any order`(text: String, count: Int64?) throws {
    _ = try smallTable(storage).apply([entry(0)], ledgerEnd: 9, after: .empty)
    try putForeign(storage, 1, [["add": ["path": "x", "stats": .string(text)]]])
    var table = snapshot()
    try table.follow()
    #expect(table.file(at: "x")?.rowCount == count)
  }

  @Test(arguments: [
    ("interval 7 days", 7 * 86_400_000 as Int64?), ("INTERVAL 1 Week", 604_800_000),
    ("interval 1 day 12 hours", 129_600_000), ("6 hours", 21_600_000),
    ("interval 30 minutes", 1_800_000), ("interval 2 months", nil), ("interval", nil),
    ("interval -1 days", nil), ("interval 1", nil), ("", nil),
  ])
  func `durations of properties are read as Spark writes them`(text: String, millis: Int64?) {
    #expect(IntervalText.millis(text) == millis)
  }

  @Test func `files come and go by the ten thousand, and every look-up is right`() throws {
    var random = SplitMix64(seed: 7)
    var expected: Set<String> = []
    var first: [JSONValue] = [DeltaAction.protocolAction, metaData()]
    var table = snapshot()
    for version in 0..<30 {
      var actions = version == 0 ? first : []
      for _ in 0..<1000 {
        let name = "f\(random.next() % 4000)"
        let path = "event_date=2026-11-21/\(name).parquet"
        if expected.contains(path) {
          guard !actions.contains(where: { $0["add"]?["path"]?.stringValue == path }) else {
            continue
          }
          actions.append(remove(path))
          expected.remove(path)
        } else if !actions.contains(where: { $0["remove"]?["path"]?.stringValue == path }) {
          actions.append(add(name))
          expected.insert(path)
        }
      }
      try putForeign(storage, version, actions)
      try table.follow()
      #expect(table.fileCount == expected.count)
    }
    first = []
    #expect(Set(table.files.map(\.path)) == expected)
    for number in 0..<4000 {
      let path = "event_date=2026-11-21/f\(number).parquet"
      let file = table.file(at: path)
      #expect((file != nil) == expected.contains(path))
      if let file { #expect(table.statistics(of: file)?.isEmpty == false) }
    }
  }
}
