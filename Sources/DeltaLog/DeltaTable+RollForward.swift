import Base
import Storage

extension DeltaTable {
  /// File actions that one commit may hold before a run of entries is continued in the next.
  package static let actionCountMax = 10_000

  /// Brings the table up to the last of `entries`: appends what it has not taken yet.
  ///
  /// A run of entries becomes one commit (txn is the last entry's version), cut where an entry
  /// changes the table. Entries that the table has taken already, by whomever, are passed over, so
  /// repeating a call is harmless; after an error too, once the caller has seen to the storage.
  ///
  /// - Parameters:
  ///   - entries: the ledger's entries with actions for this table, ascending, none left out after
  ///     the bookmark's txn.
  ///   - ledgerEnd: the last version of the chain, as read before this call.
  ///   - bookmark: where the table's log stood when last seen.
  /// - Returns: where it stands now, every commit up to there durable.
  package func apply(
    _ entries: [LedgerActions], ledgerEnd: Int64, after bookmark: TableBookmark
  ) throws(DeltaError) -> TableProgress {
    for (left, right) in zip(entries, entries.dropFirst()) {
      precondition(
        left.ledgerVersion < right.ledgerVersion, "entries come in the order of the ledger")
    }
    var progress = TableProgress(bookmark)
    while true {
      let txnVersion = progress.bookmark.txnVersion
      if txnVersion > ledgerEnd {
        throw .aheadOfLedger(table: table, txnVersion: txnVersion, ledgerEnd: ledgerEnd)
      }
      guard let start = entries.firstIndex(where: { $0.ledgerVersion > txnVersion }) else {
        return progress
      }
      let run = entries[start..<Self.runEnd(entries, from: start)]
      let actions = commitActions(run)
      let version = progress.bookmark.deltaVersion + 1
      if try append(actions, as: version) {
        var replay = TableReplay(table: table, appID: appID, bookmark: progress.bookmark)
        replay.take(DeltaCommit(actions, version: version, appID: appID))
        progress.bookmark = replay.bookmark
        progress.writtenCommitCount += 1
      } else {
        // Somebody was faster, or it was us and we were not told: the log says which.
        let found = try catchUp(after: progress.bookmark)
        guard found.bookmark.deltaVersion >= version else {
          throw .malformedCommit(
            table: table, version: version, detail: "the name is taken but there is no such file")
        }
        progress.bookmark = found.bookmark
        progress.foreignCommits += found.foreignCommits
      }
    }
  }

  /// Puts one commit. False: the number is taken, and the log is to be read.
  private func append(_ actions: [JSONValue], as version: Int64) throws(DeltaError) -> Bool {
    do {
      guard try isEnd(version - 1) else { return false }
    } catch {
      // Others have cleaned up behind a log checkpoint: reading the log goes on from that.
      guard case .logTruncated = error else { throw error }
      return false
    }
    precondition(
      version > 0
        || actions.contains { $0["metaData"] != nil } && actions.contains { $0["protocol"] != nil },
      "a table begins with its protocol and its metaData")
    return try link(actions, as: version) == .stored
  }

  /// What came of giving a commit its name.
  enum LinkResult {
    case stored
    /// There is a commit of this version; of whom, its file says.
    case taken
    /// It was stored where nobody reads, and taken away again.
    case withdrawn
  }

  /// Puts a commit's file behind one that was just seen to be the log's end.
  func link(_ actions: [JSONValue], as version: Int64) throws(DeltaError) -> LinkResult {
    do throws(StorageError) {
      guard try storage.putIfAbsent(commitPath(version), Self.lines(actions)) == .stored else {
        return .taken
      }
    } catch {
      // After a failed sync nobody knows what is on the disk; the process ends.
      if error.kind != .syncFailed, try exists(version) { return .taken }
      throw .storage(error, table: table)
    }
    return try withdrawIfCleanedUp(version) ? .withdrawn : .stored
  }

  /// The index after the last entry that may share a commit with the one at `start`.
  private static func runEnd(_ entries: [LedgerActions], from start: Int) -> Int {
    var actionCount = entries[start].actions.count
    var end = start + 1
    while end < entries.count, !entries[end].changesTable {
      actionCount += entries[end].actions.count
      if actionCount > actionCountMax { break }
      end += 1
    }
    return end
  }

  private func commitActions(_ run: ArraySlice<LedgerActions>) -> [JSONValue] {
    guard let first = run.first, let last = run.last else {
      preconditionFailure("a run has at least one entry")
    }
    let ours = [
      DeltaAction.commitInfo(engineInfo: engineInfo, appID: appID, first: first, last: last),
      DeltaAction.txn(
        appID: appID, version: last.ledgerVersion, lastUpdatedMillis: last.committedAtMillis),
    ]
    return ours + run.flatMap(\.actions)
  }

  static func lines(_ actions: [JSONValue]) -> [UInt8] {
    var bytes: [UInt8] = []
    for action in actions {
      action.write(into: &bytes)
      bytes.append(UInt8(ascii: "\n"))
    }
    return bytes
  }
}
