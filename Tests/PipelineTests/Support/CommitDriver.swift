import Base
import Ledger
import Storage
import Testing

@testable import Pipeline

/// Commits a small, fixed input through a `Committer`, as often as it is interrupted.
///
/// Every start rebuilds the state of its partitions from the beginning and replays up to the
/// chain's `to`, so that a disturbed run must end with exactly the files of an undisturbed one.
struct CommitDriver {
  private struct Log {
    var topic: String
    var partition: Int32
    var source: Int
    var records: [TestRecord]
  }

  /// Offsets a commit takes of each partition.
  private static let stride: Int64 = 6
  private static let recordCount: Int64 = 12

  private static let logs: [Log] = [
    Log(
      topic: "telemetry", partition: 0, source: 0,
      records: (0..<12).map { index in
        index == 7
          ? .bytes([0xFF], second: 7)
          : .wide("sat-\(index % 2)", second: Double(index * 3), metrics: [Double(index), nil, 2])
      }),
    Log(
      topic: "samples", partition: 0, source: 1,
      records: (0..<12).map { index in
        .narrow("inv-1", [(Double(index * 3), "a", Double(index)), (Double(index * 3), nil, 1)])
      }),
  ]

  let storage: any Storage
  let committer: Committer
  let pool = OutputPool.test

  /// Starts: recovers, opens the topics, owns every partition.
  init(
    _ storage: any Storage, incarnation: String = "i0", options: PipelineOptions? = nil
  ) throws {
    self.storage = storage
    committer = Committer(
      options: try options ?? TestSources.options(), storage: storage, pool: pool,
      incarnation: incarnation, log: TestSources.silentLog)
    try committer.recover(clusterID: "cluster")
    for log in Self.logs {
      let opening = TopicOpening(
        topic: log.topic, incarnation: 0, partitionCount: 1, firstPartition: 0, startOffsets: [0])
      try committer.open(opening, clusterID: "cluster")
      committer.own(Self.key(log))
    }
  }

  private static func key(_ log: Log) -> PartitionKey {
    PartitionKey(topic: log.topic, incarnation: 0, partition: log.partition)
  }

  static var keys: [PartitionKey] { logs.map(key) }

  /// Where the chain stands; all partitions move together.
  var position: Int64 { committer.state.partitions[Self.key(Self.logs[0])]?.to ?? 0 }

  var isDone: Bool { position == Self.recordCount }

  /// The next cut of every partition, with state; without where it cannot be written.
  func nextCuts(id: CommitID) throws -> [PartitionCut] {
    try Self.logs.map { log in
      let key = Self.key(log)
      let to = try #require(committer.state.partitions[key]).to
      let harness = PartitionHarness(
        .test(log.topic, log.partition, source: log.source, to: to),
        source: committer.options.sources[log.source])
      harness.offer(Array(log.records[..<Int(to + Self.stride)]), from: 0)
      return try #require(harness.cut(state: try? harness.stateFile(storage, id: id)))
    }
  }

  /// Cuts that bring the state of every partition and move no offset.
  func stateCuts(id: CommitID) throws -> [PartitionCut] {
    try Self.logs.map { log in
      let to = try #require(committer.state.partitions[Self.key(log)]).to
      let harness = PartitionHarness(
        .test(log.topic, log.partition, source: log.source, to: to),
        source: committer.options.sources[log.source])
      harness.offer(Array(log.records[..<Int(to)]), from: 0)
      return try #require(harness.cut(state: try harness.stateFile(storage, id: id)))
    }
  }

  /// One commit, tried again while storage is full, as a session does.
  @discardableResult
  func commitNext() throws -> LedgerEntry? {
    let id = committer.nextCommitID()
    let cuts = try nextCuts(id: id)
    for _ in 0..<3 {
      do throws(CommitFailure) {
        return try committer.commit(cuts, id: id)?.entry
      } catch .noSpace {
        continue
      }
    }
    throw CommitFailure.abandoned("storage stays full")
  }

  /// Starts over after every failure until everything is committed; returns the number of starts.
  static func run(_ storage: any Storage, incarnation: String = "i") throws -> Int {
    var last: (any Error)?
    for start in 1...6 {
      do {
        let driver = try CommitDriver(storage, incarnation: "\(incarnation)\(start)")
        while !driver.isDone { try driver.commitNext() }
        return start
      } catch let error as CommitFailure {
        last = error
      }
    }
    throw last ?? CommitFailure.fatal("unreachable")
  }
}

/// What readers of the root see: the chain and, by table, the content of the files its log names.
struct RootContent: Equatable {
  /// `table date: rows, hash of the file's bytes`, sorted; names differ from run to run.
  private(set) var files: [String] = []
  private(set) var positions: [String] = []
  private(set) var counters: [String: Int64] = [:]
  /// Names that the logs give and that are not there, or are there twice.
  private(set) var faults: [String] = []

  init(_ storage: MemoryStorage) throws {
    let ledger = Ledger(storage: storage, pipeline: "fleet", incarnation: "reader")
    try ledger.open()
    counters = ledger.state.counters
    positions = ledger.state.partitions.map { "\($0.key) \($0.value.to)" }.sorted()
    for table in try storage.list("tables") {
      var seen: Set<String> = []
      var lastTxn: Int64 = -1
      for name in try storage.list("tables/\(table)/_delta_log") {
        let text = try storage.read("tables/\(table)/_delta_log/\(name)")
        for line in text.split(separator: UInt8(ascii: "\n")) {
          try take(JSONValue(parsing: line), table, storage, &seen, &lastTxn)
        }
      }
      if let known = ledger.state.tables[table], known.lastVersion != lastTxn {
        faults.append("\(table) has taken \(lastTxn) of \(known.lastVersion)")
      }
    }
    files.sort()
  }

  private mutating func take(
    _ action: JSONValue, _ table: String, _ storage: MemoryStorage, _ seen: inout Set<String>,
    _ lastTxn: inout Int64
  ) throws {
    if let version = action["txn"]?["version"]?.int64Value {
      if version <= lastTxn { faults.append("\(table) takes \(version) after \(lastTxn)") }
      lastTxn = version
    }
    guard let add = action["add"] else { return }
    let path = try #require(add["path"]?.stringValue)
    let date = try #require(add["partitionValues"]?["event_date"]?.stringValue)
    if !seen.insert(path).inserted { faults.append("\(table) has \(path) twice") }
    do {
      let bytes = try storage.read("tables/\(table)/\(path)")
      files.append("\(table) \(date) \(bytes.count) \(RandomID.hex(XXHash64.hash(bytes)))")
      if Int64(bytes.count) != add["size"]?.int64Value { faults.append("\(path): other size") }
    } catch {
      faults.append("\(table) lacks \(path)")
    }
  }
}
