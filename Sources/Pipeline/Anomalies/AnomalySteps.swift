import Base
import DeltaLog
import Ledger
package import Storage
import TableReading

/// The steps of a pipeline's anomalies, commit by commit, as the log of the table `anomalies` names
/// them: for those who follow the table. Changes nothing; the pipeline may be running.
///
/// What it gives is committed for good: a table takes an entry only after the ledger has it (I5).
/// Commits of other programs move rows or delete them, and have no steps. A commit of ours has
/// those of all instances, whoever made it.
///
/// Memory: one file of one commit. Used by one thread.
package struct AnomalySteps {
  /// What one version of the table's log has to tell.
  package struct Commit: Equatable, Sendable {
    /// Of the table's log.
    package var version: Int64
    /// When it was made, UTC microseconds; 0 in one of another program.
    package var atMicros: Int64
    /// In the order of partitions and, within one, of offsets: so in order for each anomaly.
    package var steps: [AnomalyStep]
    /// Rows of files that are not there any more: another program rewrote or deleted them.
    package var lostCount: Int64

    package init(version: Int64, atMicros: Int64, steps: [AnomalyStep], lostCount: Int64) {
      self.version = version
      self.atMicros = atMicros
      self.steps = steps
      self.lostCount = lostCount
    }
  }

  /// What comes after a version.
  package enum Next: Equatable, Sendable {
    case commit(Commit)
    /// Nothing yet.
    case end
    /// The log has been cleaned up that far: the first version there is.
    case cleanedUp(to: Int64)
  }

  private static let table = "anomalies"
  /// A look at all names of the log is dear, and a log is cleaned up from its old end: one look at
  /// the first end that is met, and then one in so many.
  private static let endsPerLook = 256

  private let storage: any Storage
  private let pipeline: String
  private var reader: LogReader?
  private var endCount = 0

  package init(storage: any Storage, pipeline: String) {
    self.storage = storage
    self.pipeline = pipeline
  }

  /// The id of the pipeline's ledger; nil where it has none yet.
  package func ledgerID() throws -> String? {
    let ledger = Ledger(storage: storage, pipeline: pipeline, incarnation: RandomID.make())
    try ledger.open()
    return ledger.state.isEmpty ? nil : ledger.state.ledgerID
  }

  /// The newest version of the table's log; -1 where there is none. Cost: a list of its names.
  package func lastVersion() throws -> Int64 { try versions().last ?? -1 }

  /// Begins to read the table as the ledger of this id has it.
  package mutating func open(ledgerID: String) {
    reader = LogReader(
      storage: storage, folder: FileNames.tableFolder(Self.table),
      appID: "\(pipeline)/\(ledgerID)")
  }

  /// What comes after a version. Only after `open`.
  package mutating func next(after version: Int64) throws -> Next {
    guard let reader else { preconditionFailure("the table is read once its ledger is known") }
    guard let found = try reader.commit(version + 1) else {
      defer { endCount += 1 }
      if endCount % Self.endsPerLook == 0, let first = try versions().first, first > version + 1 {
        return .cleanedUp(to: first)
      }
      return .end
    }
    return .commit(try commit(found))
  }

  private func versions() throws(StorageError) -> [Int64] {
    let names = try storage.list(FileNames.tableFolder(Self.table) + "/_delta_log")
    return names.compactMap { name in
      guard name.hasSuffix(".json"), name.utf8.count == 25 else { return nil }
      return Int64(name.dropLast(5))
    }
  }

  private func commit(_ found: LogReader.Commit) throws -> Commit {
    var commit = Commit(version: found.version, atMicros: 0, steps: [], lostCount: 0)
    guard found.txnVersion != nil else { return commit }
    for add in found.actions.compactMap({ $0["add"] }) {
      guard let path = add["path"]?.stringValue.flatMap({ DeltaPath.percentDecoded($0) }) else {
        continue
      }
      commit.atMicros = (add["modificationTime"]?.int64Value ?? 0) * 1000
      let file = FileNames.tableFolder(Self.table) + "/" + path
      if try storage.exists(file) {
        commit.steps += try Self.steps(in: StoredRows(file, storage))
      } else {
        commit.lostCount += Self.rowCount(add)
      }
    }
    commit.steps.sort { $0.precedes($1) }
    return commit
  }

  private static func rowCount(_ add: JSONValue) -> Int64 {
    let statistics = add["stats"]?.stringValue.flatMap { try? JSONValue(parsing: Array($0.utf8)) }
    return statistics?["numRecords"]?.int64Value ?? 1
  }

  private static func steps(in rows: StoredRows) throws(StoredTableError) -> [AnomalyStep] {
    var steps: [AnomalyStep] = []
    for group in 0..<rows.rowGroupCount {
      let texts = try [
        "anomaly_id", "source", "device_id", "metric", "detector", "severity", "state",
        "evidence", "kafka_topic",
      ].map { (name) throws(StoredTableError) in try rows.texts(name, rowGroup: group) }
      let times = try rows.integers("event_time", rowGroup: group)
      let partitions = try rows.integers("kafka_partition", rowGroup: group)
      let offsets = try rows.integers("kafka_offset", rowGroup: group)
      let values = try rows.doubles("value", rowGroup: group)
      let expected = try rows.doubles("expected", rowGroup: group)
      for row in 0..<rows.rowCount(ofGroup: group) {
        guard let id = texts[0][row], let source = texts[1][row], let detector = texts[4][row],
          let severity = texts[5][row], let state = texts[6][row], let time = times[row]
        else { throw StoredTableError("\(rows.path): row \(row) is no step of an anomaly") }
        steps.append(
          AnomalyStep(
            id: id, source: source, device: texts[2][row], metric: texts[3][row],
            detector: detector, severity: severity, state: state, eventTimeMicros: time,
            value: values[row], expected: expected[row], evidence: texts[7][row] ?? "{}",
            topic: texts[8][row] ?? "", partition: partitions[row] ?? 0,
            offset: offsets[row] ?? 0))
      }
    }
    return steps
  }
}
