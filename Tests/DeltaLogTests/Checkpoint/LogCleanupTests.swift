import Base
import Storage
import Testing

@testable import DeltaLog

/// What of a log goes, and that nothing that is left rests on it.
@Suite struct LogCleanupTests {
  private static let day: Int64 = 86_400_000
  private static let now: Int64 = 1_790_000_000_000

  private func name(_ version: Int64, _ ending: String) -> String {
    let digits = version.description
    return String(repeating: "0", count: 20 - digits.count) + digits + ending
  }

  private func names(_ commits: ClosedRange<Int64>, checkpoints: [Int64]) -> LogNames {
    LogNames(
      (commits.map { name($0, ".json") } + checkpoints.map { name($0, ".checkpoint.parquet") })
        .sorted())
  }

  /// One commit an hour, the newest now.
  private func times(_ checkpoints: [Int64], newest: Int64) -> [Int64: Int64] {
    Dictionary(
      uniqueKeysWithValues: checkpoints.map { ($0, Self.now - (newest - $0) * 3_600_000) })
  }

  private func plan(
    newest: Int64, checkpoints: [Int64], days: Int64 = 7, keepFrom: Int64 = .max,
    countMax: Int = 1000
  ) -> LogCleanupPlan {
    var options = LogCleanupOptions(
      nowMillis: Self.now, retentionMillis: days * Self.day, keepFrom: keepFrom)
    options.commitCountMax = countMax
    return LogCleanupPlan(
      names(0...newest, checkpoints: checkpoints),
      checkpointTimes: times(checkpoints, newest: newest), version: newest, options: options)
  }

  @Test func `the log is cut at the newest checkpoint that is older than it is kept`() {
    let found = plan(newest: 400, checkpoints: [100, 200, 300, 400])
    #expect(found.cutoff == 200, "300 is four days old")
    #expect(found.commits == Array(0..<200))
    #expect(found.others == [name(100, ".checkpoint.parquet")])
  }

  @Test func `without a checkpoint, or with young ones alone, nothing goes`() {
    #expect(plan(newest: 400, checkpoints: []).isEmpty)
    #expect(plan(newest: 100, checkpoints: [50, 100]).isEmpty)
  }

  @Test func `the newest checkpoint stays however old it is`() {
    let found = plan(newest: 400, checkpoints: [200], days: 1)
    #expect(found.cutoff == 200 && found.commits.count == 200 && found.others.isEmpty)
  }

  @Test func `what a follower has not seen stays`() {
    #expect(plan(newest: 400, checkpoints: [100, 200, 300], keepFrom: 150).cutoff == 100)
    #expect(plan(newest: 400, checkpoints: [100, 200, 300], keepFrom: 99).isEmpty)
  }

  @Test func `a first look at a long log takes it away in portions, from its old end`() {
    let found = plan(newest: 900, checkpoints: [100, 500, 900], countMax: 150)
    #expect(found.cutoff == 500 && found.commits == Array(0..<150))
    #expect(found.others == [name(100, ".checkpoint.parquet")])
  }

  @Test func `of many young checkpoints those stay by which the log can be cut later`() {
    let checkpoints = Array(stride(from: 300, through: 480, by: 2)).map { Int64($0) }
    let found = plan(newest: 480, checkpoints: checkpoints)
    let left = checkpoints.filter { !found.others.contains(name($0, ".checkpoint.parquet")) }
    #expect(found.cutoff == 310)
    #expect(left.first == 310 && left.suffix(2) == [478, 480] && left.count < 14)
    #expect(zip(left, left.dropFirst()).allSatisfy { $1 - $0 <= 24 }, "none is far from the next")
  }

  @Test func `a table under hourly commits keeps a log of a week for a year`() {
    var commits = Set<Int64>()
    var checkpoints: [Int64] = []
    var longest = 0
    for newest in 0..<8760 as Range<Int64> {
      commits.insert(newest)
      if newest % 100 == 99 { checkpoints.append(newest) }
      let listed = commits.map { name($0, ".json") }
      let options = LogCleanupOptions(nowMillis: Self.now, retentionMillis: 7 * Self.day)
      if newest % 10 == 0 {
        let found = LogCleanupPlan(
          LogNames((listed + checkpoints.map { name($0, ".checkpoint.parquet") }).sorted()),
          checkpointTimes: times(checkpoints, newest: newest), version: newest, options: options)
        commits.subtract(found.commits)
        checkpoints.removeAll { found.others.contains(name($0, ".checkpoint.parquet")) }
      }
      longest = max(longest, commits.count)
      #expect(commits.count == 1 || commits.count == Int(newest - commits.min()!) + 1)
    }
    #expect((168...400).contains(longest), "\(longest) commits")
    #expect(checkpoints.count <= 4)
  }

  // MARK: - Doing it

  private let storage = RivalStorage()

  private func make(_ count: Int64) throws -> TableSnapshot {
    var bookmark = TableBookmark.empty
    for version in 0..<count {
      bookmark = try smallTable(storage.memory).apply(
        [entry(version)], ledgerEnd: 99, after: bookmark).bookmark
    }
    var table = TableSnapshot(storage: storage, folder: tableFolder, engine: "downlink 1")
    try table.follow()
    return table
  }

  private static let checkpointOptions = LogCheckpointOptions(
    nowMillis: 1_790_000_000_000, deletedFileRetentionMillis: day)

  @Test func `commits go from old to new, each for good before the next`() throws {
    var table = try make(8)
    _ = try table.writeCheckpoint(Self.checkpointOptions)
    let plan = try table.planCleanup(
      LogCleanupOptions(nowMillis: 1_790_000_000_000 + Self.day, retentionMillis: 1000))
    #expect(plan.cutoff == 7 && plan.commits == Array(0..<7))
    for count in 0..<7 {
      // At the moment a commit is to go, all before it are gone and durable.
      let left = Int64(count)
      let memory = storage.memory
      storage.before(.delete, name(left, ".json")) {
        let first = LogNames((try? memory.list("\(tableFolder)/_delta_log")) ?? []).commits.first
        #expect(first == left)
      }
    }
    #expect(try table.cleanUp(plan) == 7)
    #expect(storage.waitingCount == 0)
    #expect(storage.memory.count(of: .syncFolder) >= 7)
    var again = TableSnapshot(storage: storage, folder: tableFolder, engine: "downlink 1")
    try again.follow()
    #expect(again.fileCount == 8 && again.version == 7)
    #expect(try table.planCleanup(
      LogCleanupOptions(nowMillis: 1_790_000_000_000 + Self.day, retentionMillis: 1000)).isEmpty)
    let progress = try smallTable(storage).apply([entry(8)], ledgerEnd: 9, after: .empty)
    #expect(progress.bookmark.deltaVersion == 8)
  }

  @Test func `a checkpoint that went away since the plan keeps all`() throws {
    var table = try make(4)
    _ = try table.writeCheckpoint(Self.checkpointOptions)
    let plan = try table.planCleanup(
      LogCleanupOptions(nowMillis: 1_790_000_000_000 + Self.day, retentionMillis: 1000))
    try storage.delete("\(tableFolder)/_delta_log/" + name(3, ".checkpoint.parquet"))
    #expect(try table.cleanUp(plan) == 0)
    #expect(try storage.list(tableFolder + "/_delta_log").count == 5)
  }

  @Test(arguments: ["torn", "without our txn"])
  func `another engine's checkpoint is read before anything goes behind it`(fault: String) throws {
    var table = try make(6)
    _ = try table.writeCheckpoint(Self.checkpointOptions)
    _ = try smallTable(storage).apply([entry(6)], ledgerEnd: 9, after: .empty)
    try table.follow()
    // Somebody else's of version 6, while this process goes on.
    var other = TableSnapshot(storage: storage, folder: tableFolder, engine: "Spark")
    try other.follow()
    if fault != "torn" { other.transactions = [:] }
    _ = try other.writeCheckpoint(Self.checkpointOptions)
    let path = "\(tableFolder)/_delta_log/" + name(6, ".checkpoint.parquet")
    if fault == "torn" { try storage.replace(path, Array(storage.read(path).dropLast(100))) }
    let plan = try table.planCleanup(
      LogCleanupOptions(nowMillis: 1_790_000_000_000 + Self.day, retentionMillis: 1000))
    #expect(plan.cutoff == 6)
    let before = try storage.list(tableFolder + "/_delta_log")
    let error = #expect(throws: DeltaError.self) { try table.cleanUp(plan) }
    guard case .malformedCheckpoint(_, version: 6, _) = error else {
      Issue.record("expected malformedCheckpoint, got \(String(describing: error))")
      return
    }
    #expect(try storage.list(tableFolder + "/_delta_log") == before)
  }

  @Test func `a property of the table says how long, or never`() throws {
    var table = try make(4)
    for (version, key, value) in [
      (4, "delta.logRetentionDuration", "interval 30 days"),
      (5, "delta.enableExpiredLogCleanup", "false"),
    ] {
      let action = DeltaAction.metaData(
        id: "7b2d5b9a-0c7e-4f6e-9f6a-0d6a5a1f4d11", name: "x", schema: smallSchema,
        configuration: [(key, value)], createdTimeMillis: 1)
      try putForeign(
        storage, version, [["commitInfo": ["timestamp": 1_790_000_000_000]], action])
      try table.follow()
      _ = try table.writeCheckpoint(Self.checkpointOptions)
      #expect(
        try table.planCleanup(
          LogCleanupOptions(nowMillis: 1_790_000_000_000 + Self.day, retentionMillis: 1000)
        ).isEmpty)
    }
  }
}
