import Base
import Ledger
package import Logging
package import Storage

/// Brings dead letters back: decodes them with the configuration as it is now, and commits what
/// comes of it through the ledger, each letter once.
///
///     dead_letters ─ minus marks ─▶ decode ─┬▶ readings_<source>, flagged      ┐
///                                           ├▶ dead_letter_replays: the marks  ├ one entry
///                                           └▶ dead_letters: rows of a record  │ of kind replay
///                                              that are unreadable now         ┘
///
/// Works with the pipeline stopped or running, and beside other replays: every entry names the last
/// replay whose marks were looked at, so that of two which chose the same letters one is refused
/// and chooses again (I12). Killed anywhere, an entry is in the chain with all it names, or not.
/// One thread. Memory: one file of letters and one entry's rows (`ReplayBatch`).
package final class DeadLetterReplay {
  private let options: PipelineOptions
  private let storage: any Storage
  private let log: Logger
  /// By topic.
  private let sourceIndexes: [String: Int]
  private let decoders: [LetterDecoder]
  private var report = ReplayReport()

  /// Each time another replay came first, somebody got on; so many times in a row nobody waits for.
  static let conflictCountMax = 1000

  package convenience init(options: PipelineOptions, storage: any Storage, log: Logger) {
    self.init(
      options: options, storage: storage, log: log,
      schemaMillisMax: LetterDecoder.schemaMillisUsual)
  }

  /// - Parameter schemaMillisMax: how long a schema is waited for.
  init(options: PipelineOptions, storage: any Storage, log: Logger, schemaMillisMax: Int) {
    self.options = options
    self.storage = storage
    self.log = log
    decoders = options.sources.map {
      LetterDecoder($0, schemas: options.schemas, schemaMillisMax: schemaMillisMax)
    }
    var indexes: [String: Int] = [:]
    for (index, source) in options.sources.enumerated() {
      for topic in source.topics { indexes[topic] = index }
    }
    sourceIndexes = indexes
  }

  /// Replays every letter that is meant and waits, as the tables have them at the beginning.
  ///
  /// - Parameters:
  ///   - isDry: decodes and counts, and writes nothing.
  ///   - progressed: hears the counts after every entry.
  /// - Returns: what it came to. Whatever is thrown, entries that were put before stay.
  package func run(
    _ filter: DeadLetterFilter, isDry: Bool = false,
    progressed: (ReplayReport) -> Void = { _ in }
  ) throws -> ReplayReport {
    report = ReplayReport()
    var base = try begin(isDry: isDry)
    let walk = try LetterWalk(filter, storage, state: base.state)
    var conflictCount = 0
    while true {
      let start = walk.position
      let choice = try choose(walk)
      if choice.isEmpty { return report }
      do throws(CommitFailure) {
        if !choice.batch.isEmpty, let committer = base.committer {
          let entry = try committer.put(choice.batch, after: base.previous)
          base.previous = entry.version
          report.versions.append(entry.version)
        }
        conflictCount = 0
        take(choice)
        progressed(report)
      } catch {
        guard case .conflict(let reason) = error else { throw ReplayRefusal(error.reason) }
        conflictCount += 1
        report.conflictCount += 1
        if conflictCount > Self.conflictCountMax {
          throw ReplayRefusal("other replays always come first: \(reason)")
        }
        base = try begin(isDry: isDry)
        try walk.restart(at: start, state: base.state)
      }
    }
  }

  // MARK: - What it is based on

  private struct Base {
    /// Nil where nothing is to be written.
    var committer: Committer?
    /// Of the chain that the tables have been brought up to.
    var state: ChainState
    /// The last replay whose marks the tables show.
    var previous: Int64
  }

  /// Brings the tables up to the chain's end, so that every mark there is can be read; a dry run
  /// takes them as they are.
  private func begin(isDry: Bool) throws -> Base {
    let ledger = Ledger(
      storage: storage, pipeline: options.pipeline, incarnation: RandomID.make())
    try ledger.open()
    // Before anything is written: where nothing was read, a committer would begin a ledger.
    if ledger.state.partitions.isEmpty { throw ReplayRefusal.nothingWasRead }
    if isDry { return Base(committer: nil, state: ledger.state, previous: ledger.state.lastReplay) }
    let committer = Committer(
      options: options, storage: storage, pool: OutputPool(byteCountMax: 0),
      incarnation: RandomID.make(), log: log)
    do throws(CommitFailure) {
      try committer.recover(clusterID: nil)
      // Entries that came in meanwhile may be replays, whose marks are not in their table yet.
      try committer.bringTablesUp()
    } catch {
      throw ReplayRefusal(error.reason)
    }
    let state = committer.state
    return Base(committer: committer, state: state, previous: state.lastReplay)
  }

  // MARK: - Choosing

  /// What one entry will hold, and what is to be told of it once it is in the chain.
  private struct Choice {
    var batch: ReplayBatch
    var marks: [ReplayMark] = []
    var withoutSource: [String: Int64] = [:]
    var withoutSchema: [Int32: Int64] = [:]
    var salvagedCount: Int64 = 0

    var isEmpty: Bool {
      marks.isEmpty && withoutSource.isEmpty && withoutSchema.isEmpty && salvagedCount == 0
    }
  }

  /// Decodes waiting letters until there is enough for an entry, or no more.
  private func choose(_ walk: LetterWalk) throws -> Choice {
    var choice = Choice(batch: ReplayBatch(options: options))
    while !choice.batch.isFull, let found = try walk.next() {
      let waiting = found.filter { !walk.state(of: $0.letter).isDone }
      let letters = waiting.filter { !$0.letter.isSalvaged }
      choice.salvagedCount += Int64(waiting.count - letters.count)
      guard let first = letters.first else { continue }
      guard let source = sourceIndexes[first.letter.key.topic] else {
        choice.withoutSource[first.letter.key.topic, default: 0] += Int64(letters.count)
        continue
      }
      let record = StoredRecord(try walk.contents(), row: first.index)
      let result = choice.batch.decode(
        letters.map(\.letter), of: record, sourceIndex: source, decoder: decoders[source])
      switch result {
      case .unserved(let schemaID):
        choice.withoutSchema[schemaID, default: 0] += Int64(letters.count)
      case .marked(let marks):
        choice.marks += marks
        for mark in marks where !walk.isKnown(mark, config: options.configFingerprint) {
          choice.batch.append(mark)
        }
      }
    }
    return choice
  }

  private func take(_ choice: Choice) {
    for mark in choice.marks { report.take(mark) }
    for (topic, count) in choice.withoutSource { report.withoutSource[topic, default: 0] += count }
    for (id, count) in choice.withoutSchema { report.withoutSchema[id, default: 0] += count }
    report.salvagedCount += choice.salvagedCount
    report.newLetterCount += choice.batch.newLetterCount
  }
}

/// Why a replay did not go on, in a sentence.
package struct ReplayRefusal: Error, Equatable, Sendable, CustomStringConvertible {
  package let description: String

  init(_ description: String) { self.description = description }

  static let nothingWasRead = ReplayRefusal("the ledger is empty: nothing was ever read")
}
