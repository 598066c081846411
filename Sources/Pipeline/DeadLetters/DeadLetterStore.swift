import Base
package import Ledger
package import Storage
import TableReading

/// The dead letters of a pipeline as its tables have them, from outside: counts and shows them.
///
/// Changes nothing; the pipeline may be running. Only files whose date and statistics can match are
/// read. Memory: one file, the marks of one date (`MarkSet`), and the log's statistics.
package struct DeadLetterStore {
  private let storage: any Storage
  private let pipeline: String

  package init(storage: any Storage, pipeline: String) {
    self.storage = storage
    self.pipeline = pipeline
  }

  /// Counts the letters that are meant, by reason, source and partition.
  /// - Parameter onlyReplayed: leaves out those that wait.
  package func summary(
    _ filter: DeadLetterFilter, onlyReplayed: Bool = false
  ) throws -> DeadLetterSummary {
    var summary = DeadLetterSummary()
    let walk = try walk(filter)
    while let found = try walk.next() {
      for (letter, _) in found {
        let state = walk.state(of: letter)
        if state.isDone || !onlyReplayed { summary.take(letter, state) }
      }
    }
    return summary
  }

  /// Calls `body` with the first letters that are meant, by date, and within a date in the order in
  /// which they were read from Kafka.
  /// - Parameter replayed: those that came back instead of those that wait.
  /// - Returns: how many there were.
  package func visitLetters(
    _ filter: DeadLetterFilter, replayed: Bool = false, limit: Int,
    _ body: (DeadLetterRecord) -> Void
  ) throws -> Int {
    var count = 0
    let walk = try walk(filter)
    while count < limit, let found = try walk.next() {
      for (letter, index) in found where count < limit {
        let state = walk.state(of: letter)
        if state.isDone != replayed { continue }
        body(DeadLetterRecord(letter, state, try walk.contents(), index))
        count += 1
      }
    }
    return count
  }

  private func walk(_ filter: DeadLetterFilter) throws -> LetterWalk {
    let ledger = Ledger(storage: storage, pipeline: pipeline, incarnation: RandomID.make())
    try ledger.open()
    return try LetterWalk(filter, storage, state: ledger.state)
  }
}

/// Dead letters in numbers.
package struct DeadLetterSummary: Equatable, Sendable {
  /// What letters are counted together.
  package struct Group: Hashable, Comparable, Sendable {
    package let reason: String
    package let source: String
    package let key: PartitionKey

    package static func < (left: Group, right: Group) -> Bool {
      (left.source, left.reason, left.key) < (right.source, right.reason, right.key)
    }
  }

  /// Numbers of one group.
  package struct Count: Equatable, Sendable {
    /// Waiting, those that a replay has tried included.
    package var pending: Int64 = 0
    /// Of those waiting: tried by a replay, and still dead.
    package var stillDead: Int64 = 0
    /// Came back, or turned out to hold nothing.
    package var replayed: Int64 = 0
    /// Rows that were kept without the metric that could not be read: nothing waits.
    package var salvaged: Int64 = 0
    /// Kafka's timestamps, microseconds; nil where no letter has one.
    package var firstMicros: Int64?
    package var lastMicros: Int64?

    mutating func add(_ other: Count) {
      pending += other.pending
      stillDead += other.stillDead
      replayed += other.replayed
      salvaged += other.salvaged
      stretch(to: other.firstMicros)
      stretch(to: other.lastMicros)
    }

    fileprivate mutating func stretch(to micros: Int64?) {
      guard let micros else { return }
      firstMicros = min(firstMicros ?? micros, micros)
      lastMicros = max(lastMicros ?? micros, micros)
    }
  }

  package private(set) var groups: [Group: Count] = [:]

  /// All groups together.
  package var total: Count {
    groups.values.reduce(into: Count()) { $0.add($1) }
  }

  mutating func take(_ row: LetterRow, _ state: MarkSet.State) {
    let group = Group(reason: row.reason, source: row.source, key: row.key)
    var count = groups[group] ?? Count()
    switch state {
    case .done: count.replayed += 1
    case _ where row.isSalvaged: count.salvaged += 1
    case .stillDead:
      count.pending += 1
      count.stillDead += 1
    case .untried: count.pending += 1
    }
    count.stretch(to: row.timestampMicros)
    groups[group] = count
  }
}

/// One dead letter with its bytes, for a person.
package struct DeadLetterRecord: Equatable, Sendable {
  package let key: PartitionKey
  package let offset: Int64
  package let rowIndex: UInt32?
  package let timestampMicros: Int64?
  package let source: String
  package let stage: String
  package let reason: String
  package let detail: String
  /// Whether a replay has tried it, and whether it came back.
  package let isTried: Bool
  package let isReplayed: Bool
  package let recordKey: [UInt8]?
  package let headersJSON: String?
  /// Nil for a tombstone.
  package let payload: [UInt8]?

  init(_ row: LetterRow, _ state: MarkSet.State, _ contents: LetterContents, _ index: Int) {
    key = row.key
    offset = row.offset
    rowIndex = row.rowIndex
    timestampMicros = row.timestampMicros
    source = row.source
    stage = row.stage
    reason = row.reason
    detail = contents.details[index] ?? ""
    isTried = state != .untried
    isReplayed = state.isDone
    recordKey = contents.keys[index]
    headersJSON = contents.headers[index]
    payload = contents.payloads[index]
  }
}
