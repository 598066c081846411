package import Base
import Storage

/// What a table's maintenance wants to commit: files that take the place of others, or files that
/// go. It is no ledger entry (docs/ARCHITECTURE.md, maintenance): it meets the commits of the
/// ledger and of other engines as any engine's would, optimistically.
package struct MaintenanceCommit: Sendable {
  /// As `DESCRIBE HISTORY` shows it: `OPTIMIZE`, `DELETE`, `WRITE`.
  package var operation: String
  package var parameters: [(key: String, value: JSONValue)]
  package var metrics: [(key: String, value: JSONValue)]
  /// By which the commit is known again where the outcome of putting it is unclear; unique.
  package var commitID: String
  /// Wall-clock time of the attempt.
  package var atMillis: Int64
  /// The version the attempt was planned on, and which the names of its new files carry: it may
  /// become one of the `DeltaTable.maintenanceReach` versions after it, or none.
  package var basedOn: Int64
  /// Add and remove actions; every file that is removed must still be live.
  package var actions: [JSONValue]
  /// Let the commit take effect only once, and never after a later one: put as txn actions, and
  /// a conflict where the table has taken one of these versions already.
  package var transactions: [(appID: String, version: Int64)]
  /// Parts of the table that the commit takes the place of, by their partition values: every live
  /// file of them must be among those that it removes.
  package var replaces: [PartitionValues]

  package init(
    operation: String, parameters: [(key: String, value: JSONValue)] = [],
    metrics: [(key: String, value: JSONValue)] = [], commitID: String = RandomID.make(),
    atMillis: Int64, basedOn: Int64, actions: [JSONValue],
    transactions: [(appID: String, version: Int64)] = [], replaces: [PartitionValues] = []
  ) {
    self.operation = operation
    self.parameters = parameters
    self.metrics = metrics
    self.commitID = commitID
    self.atMillis = atMillis
    self.basedOn = basedOn
    self.actions = actions
    self.transactions = transactions
    self.replaces = replaces
  }

  /// Every action of the commit, commitInfo first as other engines have it.
  func lines(engine: String) -> [JSONValue] {
    let info: JSONValue = [
      "commitInfo": [
        "timestamp": .int(atMillis), "operation": .string(operation),
        "operationParameters": .object(parameters.map { JSONMember($0.key, $0.value) }),
        "operationMetrics": .object(metrics.map { JSONMember($0.key, $0.value) }),
        "readVersion": .int(basedOn), "isBlindAppend": false, "engineInfo": .string(engine),
        "commitId": .string(commitID),
      ]
    ]
    let taken = transactions.map {
      DeltaAction.txn(appID: $0.appID, version: $0.version, lastUpdatedMillis: atMillis)
    }
    return [info] + taken + actions
  }
}

/// What became of a commit of maintenance.
package enum MaintenanceOutcome: Sendable, Equatable {
  /// It is in the table's log, durable, as this version.
  case committed(version: Int64)
  /// It is not and never will be: the files it was to add are orphans and may be deleted at once.
  case conflict(MaintenanceConflict)
}

/// Why a commit of maintenance was given up. None is a fault: the next pass plans anew.
package enum MaintenanceConflict: Sendable, Equatable, CustomStringConvertible {
  /// Somebody else took the file out of the table in the meantime.
  case inputGone(path: String)
  /// Somebody else put the file into a part that is to be replaced in the meantime.
  case inputCame(path: String)
  /// A file of that name is live already.
  case outputTaken(path: String)
  /// Schema, properties or protocol were set in the meantime.
  case tableChanged(version: Int64)
  /// The log has grown too far since the attempt was planned.
  case tooLate(basedOn: Int64, version: Int64)
  /// The table has taken this application's work up to this version already.
  case transactionTaken(appID: String, version: Int64)
  /// Rows would go from a table whose property says that they may only come.
  case appendOnly

  package var description: String {
    switch self {
    case .inputGone(let path): "“\(path)” was taken out of the table in the meantime"
    case .inputCame(let path): "“\(path)” came into the table in the meantime"
    case .outputTaken(let path): "“\(path)” is in the table already"
    case .tableChanged(let version): "version \(version) changed the table itself"
    case .tooLate(let basedOn, let version):
      "it was planned on version \(basedOn), and the log is at \(version)"
    case .transactionTaken(let appID, let version):
      "the table has taken “\(appID)” up to \(version) already"
    case .appendOnly:
      "rows of this table may only come (delta.appendOnly); unset the property, or keep for ever"
    }
  }
}

extension DeltaTable {
  /// How many versions after the one it was based on a commit of maintenance may become. Once the
  /// log is past that, files of the attempt that no action names can never be named: orphans.
  package static let maintenanceReach: Int64 = 1000
}

extension TableSnapshot {
  /// Commits at the next free version, if everything it removes is still live there and the table
  /// is what it was; follows the log to there.
  ///
  /// A number that is taken is looked at, and the next one tried. Whatever the storage says of a
  /// put, the commit id in the file under the number decides.
  ///
  /// Errors: those of `follow`. After one the outcome is unclear where the put itself failed: the
  /// files it was to add must stay, until the log proves them orphans. Cost: two looks and one put
  /// where nobody else writes.
  package mutating func commitMaintenance(
    _ commit: MaintenanceCommit
  ) throws(DeltaError) -> MaintenanceOutcome {
    precondition(commit.basedOn >= 0, "only a table that there is can be maintained")
    while true {
      try follow()
      if let version = version(of: commit) { return .committed(version: version) }
      if let conflict = conflict(of: commit) { return .conflict(conflict) }
      let lines = commit.lines(engine: log.engineInfo)
      let next = version + 1
      switch try log.put(lines, as: next, commitID: commit.commitID) {
      case .ours:
        try take(lines, version: next)
        return .committed(version: next)
      case .taken: continue
      }
    }
  }

  /// The version as which an earlier call, one that ended in an error, did commit: known by the
  /// files it added, whose names are used once. Nil for none.
  private func version(of commit: MaintenanceCommit) -> Int64? {
    for add in commit.actions.compactMap({ $0["add"] }) {
      let path = FileRecords.decoded(Array((add["path"]?.stringValue ?? "").utf8))
      let slot = live.find(path).map { live.slots[$0] } ?? removed.find(path).map {
        removed.slots[$0]
      }
      if let slot, slot.version > commit.basedOn { return slot.version }
    }
    return nil
  }

  /// Why a commit cannot follow this version; nil where it can.
  func conflict(of commit: MaintenanceCommit) -> MaintenanceConflict? {
    for (appID, wanted) in commit.transactions {
      guard let known = transactions[appID], known.version >= wanted else { continue }
      return .transactionTaken(appID: appID, version: known.version)
    }
    if tableChangeVersion > commit.basedOn { return .tableChanged(version: tableChangeVersion) }
    if version + 1 > commit.basedOn + DeltaTable.maintenanceReach {
      return .tooLate(basedOn: commit.basedOn, version: version)
    }
    var gone: Set<[UInt8]> = []
    for remove in commit.actions.compactMap({ $0["remove"] }) {
      let path = FileRecords.decoded(Array((remove["path"]?.stringValue ?? "").utf8))
      if live.find(path) == nil { return .inputGone(path: String(decoding: path, as: UTF8.self)) }
      if properties.isAppendOnly, remove["dataChange"]?.boolValue != false { return .appendOnly }
      gone.insert(path)
    }
    for add in commit.actions.compactMap({ $0["add"] }) {
      let path = FileRecords.decoded(Array((add["path"]?.stringValue ?? "").utf8))
      if live.find(path) != nil, !gone.contains(path) {
        return .outputTaken(path: String(decoding: path, as: UTF8.self))
      }
    }
    return newInput(of: commit, besides: gone)
  }

  private func newInput(
    of commit: MaintenanceCommit, besides gone: Set<[UInt8]>
  ) -> MaintenanceConflict? {
    if commit.replaces.isEmpty { return nil }
    let file = files.first { file in
      commit.replaces.contains { $0.says(file.partitionValues) }
        && !gone.contains(Array(file.path.utf8))
    }
    return file.map { .inputCame(path: $0.path) }
  }
}

extension DeltaTable {
  /// Whose a version is after it was put.
  enum PutResult {
    case ours
    case taken
  }

  /// Puts a commit as the version after one that was just seen to be the log's end.
  func put(
    _ actions: [JSONValue], as version: Int64, commitID: String
  ) throws(DeltaError) -> PutResult {
    // The end is looked at once more: a number may be free because it was cleaned up.
    guard try isEnd(version - 1) else { return .taken }
    // Another program may have written the commit before and not yet synced it: a crash that took
    // that one and left ours would leave a hole.
    try onStorage { () throws(StorageError) in try storage.syncFolder(logFolder) }
    switch try link(actions, as: version) {
    case .stored: return .ours
    case .withdrawn: return .taken
    case .taken: break
    }
    guard let found = try readLines(version) else {
      throw .malformedCommit(
        table: table, version: version, detail: "the name is taken but there is no such file")
    }
    guard found.contains(where: { $0["commitInfo"]?["commitId"]?.stringValue == commitID }) else {
      return .taken
    }
    // Its name may not be durable: the report was lost, perhaps before the folder was synced.
    try onStorage { () throws(StorageError) in try storage.syncFolder(logFolder) }
    return try withdrawIfCleanedUp(version) ? .taken : .ours
  }

  /// The actions of a commit; nil if there is no such file.
  func readLines(_ version: Int64) throws(DeltaError) -> [JSONValue]? {
    let bytes: [UInt8]
    do {
      bytes = try storage.read(commitPath(version))
    } catch {
      if error.kind == .notFound { return nil }
      throw .storage(error, table: table)
    }
    return try DeltaCommit.lines(bytes, version: version, table: table)
  }
}
