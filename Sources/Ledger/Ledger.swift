package import Base
package import Storage

/// The chain of commits of one pipeline, on storage.
///
///     _ledger/00000000000000000042.json      an entry; putting it is the commit
///     _ledger/summary-00000000000000000040   the chain's state after entry 40
///
/// The class reads the chain, puts entries and writes summaries; the rules are `ChainState`'s.
/// Used by one thread (the committer). Cost of a put: two fsyncs and one directory listing.
///
/// **Invariants:** `state` is what the entries `0 ..< state.nextVersion` say (I1, I2). An entry is
/// acted on only after `_ledger` is synced, so that a crash cannot take it back (I5).
package final class Ledger {
  package static let folder = "_ledger"
  /// A summary is written after every so many entries; recovery reads at most about twice that.
  package static let summaryInterval: Int64 = 32

  private let storage: any Storage
  private let incarnation: String
  private let summaryInterval: Int64
  private var attemptCount: Int64 = 0
  /// What the chain says up to now.
  package private(set) var state: ChainState
  /// Entries read or put and not yet taken by every table, oldest first.
  package private(set) var recentEntries: [LedgerEntry] = []
  /// The newest summary's table bookmarks, by table; what they mean is the pipeline's business.
  package private(set) var bookmarks: [String: JSONValue] = [:]
  private var lastSummary: Int64 = -1
  /// Summaries that turned out damaged: they cover nothing that may be retired.
  private var damagedSummaries: Set<Int64> = []
  private var retiredStates: [String] = []

  /// - Parameters:
  ///   - incarnation: a UUID of this object, never used again: commit ids count within it.
  ///   - summaryInterval: entries from one summary to the next. Instances of one ledger need not
  ///     agree on it.
  package init(
    storage: any Storage, pipeline: String, incarnation: String,
    summaryInterval: Int64 = Ledger.summaryInterval
  ) {
    precondition(summaryInterval > 0, "a summary covers at least one entry")
    self.storage = storage
    self.incarnation = incarnation
    self.summaryInterval = summaryInterval
    state = ChainState(pipeline: pipeline)
  }

  /// A fresh commit id: one for each attempt to put something.
  package func nextCommitID() -> CommitID {
    attemptCount += 1
    return CommitID(incarnation: incarnation, counter: attemptCount)
  }

  /// `_ledger/00000000000000000042.json`.
  package static func entryPath(_ version: Int64) -> String { "\(folder)/\(padded(version)).json" }

  /// `_ledger/summary-00000000000000000040`.
  package static func summaryPath(_ version: Int64) -> String {
    "\(folder)/summary-\(padded(version))"
  }

  private static func padded(_ version: Int64) -> String {
    let digits = String(version)
    return String(repeating: "0", count: 20 - digits.utf8.count) + digits
  }

  // MARK: - Reading

  /// Reads the chain from its newest readable summary to its end.
  package func open() throws(LedgerError) {
    let summaries = try summaryVersions()
    for version in summaries.reversed() {
      if try load(summary: version) { break }
      damagedSummaries.insert(version)
    }
    if !summaries.isEmpty, lastSummary < 0, try !exists(Self.entryPath(0)) {
      throw .unreadable(
        path: summaries.reversed().map(Self.summaryPath).joined(separator: " and "),
        detail: "no summary is readable and the oldest entries are retired")
    }
    try refresh()
    try checkNoHole()
  }

  /// Reads the entries that others have put since, up to the chain's end: the first absent number
  /// that no summary covers.
  package func refresh() throws(LedgerError) {
    var found = false
    while true {
      while let entry = try readEntry(state.nextVersion) {
        try take(entry)
        found = true
      }
      guard let newest = try summaryVersions().last, newest >= state.nextVersion else { break }
      // Somebody may have put the entry and its summary since we looked; else it is retired.
      if try !exists(Self.entryPath(state.nextVersion)) {
        if damagedSummaries.contains(newest) {
          throw .unreadable(
            path: Self.summaryPath(newest),
            detail: "it is damaged, and entry \(state.nextVersion), from where the chain could be "
              + "read without it, is not there")
        }
        throw .raceLost(version: state.nextVersion, summary: newest)
      }
    }
    if found { try storageCall { () throws(StorageError) in try storage.syncFolder(Self.folder) } }
  }

  /// An entry beyond the first absent number means that one was lost: going on would fork history.
  private func checkNoHole() throws(LedgerError) {
    guard let newest = try names().compactMap(Self.entryVersion).max(),
      newest >= state.nextVersion
    else { return }
    if try !exists(Self.entryPath(state.nextVersion)) {
      throw .missingEntry(version: state.nextVersion)
    }
    try refresh()
  }

  private func take(_ entry: LedgerEntry) throws(LedgerError) {
    let path = Self.entryPath(entry.version)
    guard entry.pipeline == state.pipeline else {
      throw .otherPipeline(path: path, found: entry.pipeline, expected: state.pipeline)
    }
    guard (entry.kind == .create) == state.isEmpty else {
      throw .unreadable(path: path, detail: "a chain begins once, with its first entry")
    }
    guard state.isEmpty || entry.ledgerID == state.ledgerID else {
      throw .unreadable(path: path, detail: "it belongs to ledger \(entry.ledgerID)")
    }
    if let conflict = state.conflict(with: entry) {
      throw .unreadable(path: path, detail: "it breaks the chain: \(conflict.reason)")
    }
    accept(entry)
  }

  private func accept(_ entry: LedgerEntry) {
    for move in entry.partitions where move.state != nil {
      if let states = state.partitions[move.key]?.states, states.count == 2 {
        retiredStates.append(states[0].path)
      }
    }
    state.apply(entry)
    recentEntries.append(entry)
  }

  /// Snapshots that newer ones have pushed out of the chain's memory since the last call: nothing
  /// names them any more but entries nobody will act on.
  package func takeRetiredStates() -> [String] {
    defer { retiredStates = [] }
    return retiredStates
  }

  private func readEntry(_ version: Int64) throws(LedgerError) -> LedgerEntry? {
    let path = Self.entryPath(version)
    let bytes: [UInt8]
    do {
      bytes = try storage.read(path)
    } catch where error.kind == .notFound {
      return nil
    } catch {
      throw .storage(error)
    }
    return try LedgerEntry(parsing: bytes, path: path, version: version)
  }

  private func exists(_ path: String) throws(LedgerError) -> Bool {
    try storageCall { () throws(StorageError) in try storage.exists(path) }
  }

  // MARK: - Putting

  /// Puts an entry as the next of the chain: the commit point.
  ///
  /// Losing the race for a number means reading what won it and trying the next, as long as the
  /// entry still fits. An unclear outcome is resolved by looking whether our commit id is there.
  /// - Parameter onlyAt: put it under this number or not at all: for entries that what others put
  ///   meanwhile may make superfluous.
  /// - Returns: the entry with its version; nil if `onlyAt` was taken by somebody else.
  /// - Throws: `.conflict` when a partition was moved by somebody else: the entry is not in the
  ///   chain and never will be.
  package func put(
    _ draft: LedgerEntry, onlyAt wanted: Int64? = nil
  ) throws(LedgerError) -> LedgerEntry? {
    var entry = draft
    while true {
      if let wanted, wanted != state.nextVersion { return nil }
      if let conflict = state.conflict(with: entry) { throw .conflict(conflict) }
      entry.version = state.nextVersion
      entry.ledgerID = entry.kind == .create ? entry.ledgerID : state.ledgerID
      if try putIfAbsent(entry) {
        try checkNotCovered(version: entry.version)
        accept(entry)
        return entry
      }
      guard let winner = try readEntry(entry.version) else {
        // Covered by a summary and retired between our put and our look: the race is lost.
        try checkNotCovered(version: entry.version)
        throw .missingEntry(version: entry.version)
      }
      try storageCall { () throws(StorageError) in try storage.syncFolder(Self.folder) }
      try take(winner)
      if winner.commitID == entry.commitID { return winner }
      if winner.kind == .create && entry.kind == .create { return winner }
    }
  }

  /// Whether the entry is now in the chain under its version because of us, now or by an earlier
  /// try whose answer was lost.
  private func putIfAbsent(_ entry: LedgerEntry) throws(LedgerError) -> Bool {
    let path = Self.entryPath(entry.version)
    do {
      return try storage.putIfAbsent(path, entry.fileBytes) == .stored
    } catch {
      // A failed sync leaves durability unknown: nothing may be concluded from what is visible.
      if error.kind == .syncFailed { throw .storage(error) }
      guard let found = try readEntry(entry.version) else { throw .storage(error) }
      if found.commitID == entry.commitID {
        try storageCall { () throws(StorageError) in try storage.syncFolder(Self.folder) }
        return true
      }
      return false
    }
  }

  /// A number that a summary covers is not the chain's end but behind it: our put came too late.
  ///
  /// The summary may also have been written just after a put that was in time. That is taken for
  /// a lost race too: the reaction, reading the chain again, is right in both cases.
  private func checkNotCovered(version: Int64) throws(LedgerError) {
    guard let newest = try summaryVersions().last, newest >= version else { return }
    throw .raceLost(version: version, summary: newest)
  }

  // MARK: - Summaries

  private func summaryVersions() throws(LedgerError) -> [Int64] {
    try names().compactMap(Self.summaryVersion)
  }

  /// Takes a summary's state if it is whole; a damaged one is passed over for an older one.
  private func load(summary version: Int64) throws(LedgerError) -> Bool {
    let path = Self.summaryPath(version)
    let bytes = try storageCall { () throws(StorageError) in try storage.read(path) }
    guard let loaded = try LedgerSummary(parsing: bytes, path: path, version: version) else {
      return false
    }
    guard loaded.state.pipeline == state.pipeline else {
      throw .otherPipeline(path: path, found: loaded.state.pipeline, expected: state.pipeline)
    }
    state = loaded.state
    // Names that differ as bytes may be equal as text.
    bookmarks = Dictionary(loaded.bookmarks.map { ($0.name, $0.value) }) { first, _ in first }
    lastSummary = version
    return true
  }

  /// Writes a summary when one is due, and retires the entries below the older of the two newest
  /// summaries that every table has taken.
  ///
  /// - Parameters:
  ///   - bookmarks: where each table's log stands now.
  ///   - takenVersion: every table has taken every entry up to this version.
  package func summarizeIfDue(
    bookmarks: [JSONMember], takenVersion: Int64
  ) throws(LedgerError) {
    forgetEntries(through: takenVersion)
    let version = state.lastVersion
    guard version >= lastSummary + summaryInterval else { return }
    let summary = LedgerSummary(state: state, bookmarks: bookmarks)
    let path = Self.summaryPath(version)
    _ = try storageCall { () throws(StorageError) in
      try storage.putIfAbsent(path, summary.json.bytes)
    }
    lastSummary = version
    try retire(below: takenVersion)
  }

  private func forgetEntries(through version: Int64) {
    recentEntries.removeAll { $0.version <= version }
  }

  private func retire(below takenVersion: Int64) throws(LedgerError) {
    let summaries = try summaryVersions().filter { !damagedSummaries.contains($0) }
    guard summaries.count >= 2 else { return }
    let olderSummary = summaries[summaries.count - 2]
    let keepFrom = min(olderSummary, takenVersion)
    for name in try names() {
      let isRetired =
        Self.entryVersion(ofName: name).map { $0 < keepFrom }
        ?? Self.summaryVersion(ofName: name).map { $0 < olderSummary } ?? false
      if !isRetired { continue }
      try storageCall { () throws(StorageError) in try storage.delete("\(Self.folder)/\(name)") }
    }
  }

  // MARK: - Names

  private func names() throws(LedgerError) -> [String] {
    try storageCall { () throws(StorageError) in try storage.list(Self.folder) }
  }

  /// The version of an entry's file; nil for other files.
  package static func entryVersion(ofName name: String) -> Int64? {
    name.hasSuffix(".json") ? version(name.dropLast(".json".count)) : nil
  }

  /// The version of a summary's file; nil for other files.
  package static func summaryVersion(ofName name: String) -> Int64? {
    name.hasPrefix("summary-") ? version(name.dropFirst("summary-".count)) : nil
  }

  /// Exactly twenty digits: a copy that somebody made beside a file is not of the chain.
  private static func version(_ digits: Substring) -> Int64? {
    guard digits.utf8.count == 20,
      digits.utf8.allSatisfy((UInt8(ascii: "0")...UInt8(ascii: "9")).contains)
    else { return nil }
    return Int64(digits).flatMap { $0 <= ObjectReader.countMax ? $0 : nil }
  }

  private func storageCall<Result>(
    _ body: () throws(StorageError) -> Result
  ) throws(LedgerError) -> Result {
    do {
      return try body()
    } catch {
      throw .storage(error)
    }
  }
}
