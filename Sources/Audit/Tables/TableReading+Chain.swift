import Base
import DeltaLog
import Ledger

/// A table held against the chain: it has taken every entry's actions once, word for word, and is
/// behind by no more than it will be given.
extension TableReading {
  /// - Parameters:
  ///   - digests: entries that were there before the log was read or after, ascending.
  ///   - knownEnd: the chain's end before the log was read.
  ///   - chainEnd: its end after.
  ///   - lastVersion: the last entry before `knownEnd` with actions for the table; nil where that
  ///     is not known.
  mutating func judge(
    _ digests: [EntryDigest], knownEnd: Int64, chainEnd: Int64, lastVersion: Int64?
  ) {
    if figure.txnVersion >= chainEnd {
      report(
        "it has taken entry \(figure.txnVersion), but the chain ends before \(chainEnd)",
        advice: "restore the ledger that belongs to the table")
    }
    let present = Set(digests.map(\.version))
    let holding = digests.filter { $0.tables[name] != nil }
    for commit in ownCommits { judge(commit, holding, present) }
    judgeRetired(lastVersion, present)
    let owed = holding.filter { $0.version > figure.txnVersion && $0.version < knownEnd }
    setOwed(owed.count)
    if let first = owed.first {
      note(
        "it has not taken \(owed.count) entries yet, from \(first.version) on: the pipeline gives "
          + "them to it at its next commit or start")
    }
  }

  /// An entry is retired only once every table has taken it.
  private mutating func judgeRetired(_ lastVersion: Int64?, _ present: Set<Int64>) {
    guard let lastVersion, lastVersion > figure.txnVersion, !present.contains(lastVersion) else {
      return
    }
    report(
      "it has taken entry \(figure.txnVersion) at last, but \(lastVersion) holds actions for it "
        + "and is retired: commits of its log are lost")
  }

  private mutating func judge(
    _ commit: OwnCommit, _ holding: [EntryDigest], _ present: Set<Int64>
  ) {
    // An entry that is gone takes those before it out of the comparison.
    var first = commit.txn
    while first > commit.previousTxn + 1, present.contains(first - 1) { first -= 1 }
    let isComplete = first == commit.previousTxn + 1
    guard present.contains(commit.txn) else { return }
    let run = holding[Self.place(first, in: holding)..<Self.place(commit.txn + 1, in: holding)]
    let place = "commit \(commit.deltaVersion) of the log"
    guard let last = run.last, last.version == commit.txn else {
      return report(
        "\(place) takes entry \(commit.txn), which holds nothing for the table", commit)
    }
    if let id = commit.commitID, id != last.commitID.description {
      report("\(place) names commit \(id), entry \(last.version) is \(last.commitID)", commit)
    }
    let wanted = run.flatMap { $0.tables[name]?.actionHashes ?? [] }
    let found = commit.actionHashes
    if isComplete ? wanted.count != found.count : wanted.count > found.count {
      return report(
        "\(place) holds \(found.count) actions, its entries \(first) to \(commit.txn) "
          + "hold \(wanted.count)", commit)
    }
    if !found.suffix(wanted.count).elementsEqual(wanted) {
      let index = zip(found.suffix(wanted.count), wanted).enumerated().first { $1.0 != $1.1 }
      report(
        "action \((index?.offset ?? 0) + 1) of \(place) is not the one its entries "
          + "\(first) to \(commit.txn) hold", commit)
    }
  }

  private mutating func report(_ sentence: String, _ commit: OwnCommit) {
    report(sentence, path: reader.path(of: commit.deltaVersion))
  }

  /// Rows of the table and of what it is owed, over all its life; nil where a part of it is gone.
  func rowCountEver(_ digests: [EntryDigest], chainEnd: Int64) -> Int64? {
    guard isComplete, state == nil, figure.txnVersion < chainEnd else { return nil }
    // What was retired the table had taken before, or it held nothing for it.
    var next = max(figure.txnVersion + 1, digests.first?.version ?? 0)
    var rows = ownRowCount
    for digest in digests where digest.version >= next && digest.version < chainEnd {
      // An entry between that nobody could read may have held rows.
      if digest.version != next { return nil }
      rows = rows.addingClamped(digest.tables[name]?.rowCount ?? 0)
      next += 1
    }
    return next == chainEnd ? rows : nil
  }

  /// The place of the first entry that is not below `version`.
  private static func place(_ version: Int64, in digests: [EntryDigest]) -> Int {
    var (low, high) = (0, digests.count)
    while low < high {
      let middle = (low + high) / 2
      if digests[middle].version < version { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
