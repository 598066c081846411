import Base

/// One table as its commits made it: replayed from the first, by the protocol's rule that the last
/// action of a path counts. Written apart from `DeltaLog`.
struct TableState {
  /// The version of the last commit; -1 without any.
  var version: Int64 = -1
  /// Bodies of the `add` actions of live files, by path.
  var live: [String: JSONValue] = [:]
  /// Paths of live files in the order in which they came.
  var order: [String] = []
  /// Times of deletion of files that are not live any more, by path; milliseconds since 1970.
  var removed: [String: Int64] = [:]
  /// Versions of `txn` actions, by application.
  var transactions: [String: Int64] = [:]
  /// Files whose rows went by a removal that changed them: retention.
  var expired: [String: JSONValue] = [:]

  mutating func take(_ actions: [JSONValue]) {
    version += 1
    for action in actions {
      if let body = action["txn"], let application = body["appId"]?.stringValue {
        transactions[application] = body["version"]?.int64Value
      }
      if let body = action["remove"], let path = body["path"]?.stringValue {
        if body["dataChange"]?.boolValue != false, let add = live[path] { expired[path] = add }
        if live.removeValue(forKey: path) != nil { order.removeAll { $0 == path } }
        removed[path] = body["deletionTimestamp"]?.int64Value ?? 0
      }
    }
    for action in actions {
      guard let body = action["add"], let path = body["path"]?.stringValue else { continue }
      if live.updateValue(body, forKey: path) == nil { order.append(path) }
      removed[path] = nil
    }
  }
}

/// Everything that was ever linked below `tables/`, kept when it is deleted: what a table's log
/// said before it was cleaned up, and the rows of files that went.
///
/// **Invariants:** what a crash of the machine took is not in it; what was deleted is.
final class TableArchive {
  private(set) var states: [String: TableState] = [:]
  /// By table, the actions of every version.
  private(set) var commits: [String: [[JSONValue]]] = [:]
  /// Data files by path below the root.
  private(set) var files: [String: [UInt8]] = [:]
  private(set) var deleted: Set<String> = []

  /// A commit of a table's log as it was linked; one that is known already changes nothing.
  func take(_ actions: [JSONValue], version: Int64, of table: String) {
    guard version == Int64(commits[table]?.count ?? 0) else { return }
    commits[table, default: []].append(actions)
    states[table, default: TableState()].take(actions)
  }

  /// A data file as it was linked: a commit that is tried again may use a name a second time.
  func keep(_ bytes: [UInt8], of path: String) {
    files[path] = bytes
    deleted.remove(path)
  }

  /// Whether it was not known to be deleted before.
  func noteDeleted(_ path: String) -> Bool { deleted.insert(path).inserted }

  /// The table as of a version; nil beyond what was committed.
  func state(of table: String, at version: Int64) -> TableState? {
    guard let commits = commits[table], version < commits.count else { return nil }
    var state = TableState()
    for actions in commits[...Int(version)] { state.take(actions) }
    return state
  }

  /// Forgets commits that a crash has taken: absent, and not because they were deleted.
  func forgetLost(isThere: (String) -> Bool) {
    for (table, known) in commits {
      let lost = known.indices.first { version in
        let path = TableLogReader.path(Int64(version), of: table)
        return !deleted.contains(path) && !isThere(path)
      }
      guard let lost else { continue }
      commits[table] = Array(known[..<lost])
      states[table] = lost == 0 ? nil : state(of: table, at: Int64(lost - 1))
    }
    // A name that comes back is not deleted; a file of that name may be made anew.
    deleted = deleted.filter { !isThere($0) }
  }
}
