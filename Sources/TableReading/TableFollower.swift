package import Base
package import DeltaLog
package import Storage

/// What a table consists of, by its log, commit by commit: other engines' OPTIMIZE and DELETE are
/// seen like our own commits.
///
/// It begins with the newest log checkpoint, and takes the newest one again where commits were
/// cleaned up before it had read them.
///
/// It keeps numbers of each file and not its path, so that a table of a million files takes 80 MB
/// less; who wants a path reads the commit again that named it. Files that it knows from a log
/// checkpoint are kept as that has them, compressed.
///
/// **Invariant:** what it says is true of `version`. Cost: one read and one parse a commit (about
/// 0.1 ms), once; about 90 bytes a live file, and some 300 for one from a log checkpoint.
package struct TableFollower: Sendable {
  /// What the log says of a live file.
  package struct File: Sendable, Equatable {
    /// XXHash64 of its path within the table's folder.
    package let pathHash: UInt64
    /// The commit that named it.
    package let version: Int64
    package let byteCount: Int64
    /// Negative where the log does not say.
    package let rowCount: Int64
    /// Its `event_date`, in days since 1970; nil where the log gives none.
    package let day: Int32?
    /// Bounds of the time column, microseconds; everything where the log gives none.
    package let times: ClosedRange<Int64>
    /// Whether its commit moved rows of other files and brought none.
    package let isRewrite: Bool
  }

  private let storage: any Storage
  private let folder: String
  private let timeColumn: String?
  private var bookmark = TableBookmark.empty
  /// The log checkpoint that was read last.
  private var state: TableSnapshot?
  private var live: [UInt64: File] = [:]
  /// By version: the files that a commit which changed no rows has replaced.
  private var replaced: [Int64: [File]] = [:]
  private var byteCount: Int64 = 0
  private var rowCount: Int64 = 0
  /// Live files whose rows are not known.
  private var uncountedCount = 0
  /// The newest commit that took rows away or changed them; -1 for none.
  package private(set) var rowsChangedVersion: Int64 = -1

  /// - Parameters:
  ///   - folder: the table's, `tables/<table>`.
  ///   - timeColumn: a column of times whose bounds are kept; nil where nobody asks for times.
  package init(storage: any Storage, folder: String, timeColumn: String? = nil) {
    self.storage = storage
    self.folder = folder
    self.timeColumn = timeColumn
  }

  /// The newest commit that was read; -1 before the first.
  package var version: Int64 { bookmark.deltaVersion }

  package var fileCount: Int { live.count }

  package var size: TableSize {
    TableSize(
      name: StoragePath.name(of: folder), version: version, fileCount: live.count,
      byteCount: byteCount, rowCount: uncountedCount == 0 ? rowCount : nil,
      isAppendOnly: TableProperties(metaData: bookmark.metaData).isAppendOnly)
  }

  /// Reads commits that are new, until the log's end or `deadlineNanos` (monotonic). A log that was
  /// taken back begins anew.
  /// - Returns: whether the end was reached.
  package mutating func follow(untilNanos deadlineNanos: Int64) throws(DeltaError) -> Bool {
    // Whose commits are whose does not matter here, so that no application id is ours.
    var reader = LogReader(storage: storage, folder: folder, appID: "", after: bookmark)
    do throws(DeltaError) {
      if version < 0, let state = try reader.begin() {
        take(state)
        bookmark = reader.bookmark
      }
      while true {
        switch try reader.step() {
        case .end: return true
        case .commit(let commit): take(commit)
        case .state(let state):
          take(state)
          // What happened on the way is not known.
          rowsChangedVersion = state.version
        }
        bookmark = reader.bookmark
        if MonotonicClock.nowNanos() >= deadlineNanos { return false }
      }
    } catch {
      guard case .logRewound = error else { throw error }
      self = TableFollower(storage: storage, folder: folder, timeColumn: timeColumn)
      return false
    }
  }

  // MARK: - Files

  /// Every live file, in no order.
  package var files: some Collection<File> { live.values }

  /// Live files that may hold rows of these times, the newest commit's first.
  package func files(times: ClosedRange<Int64>, after version: Int64 = -1) -> [File] {
    live.values.filter { $0.version > version && $0.mayHold(times) }
      .sorted { ($0.version, $0.pathHash) > ($1.version, $1.pathHash) }
  }

  /// The files whose rows the files of a commit hold now; none where it brought its own.
  package func filesReplaced(in version: Int64) -> [File] { replaced[version] ?? [] }

  /// The add action of a file; nil when its commit is gone, or was another one's.
  package func add(of file: File) throws(DeltaError) -> TableFileAction? {
    if let state, file.version == state.version, let known = state.file(hash: file.pathHash) {
      let statistics = state.statistics(of: known).flatMap { try? JSONValue(parsing: $0) }
      return TableFileAction(path: folder + "/" + known.path, statistics: statistics ?? .null)
    }
    let reader = LogReader(storage: storage, folder: folder, appID: "")
    guard let commit = try reader.commit(file.version) else { return nil }
    for action in commit.actions {
      guard let add = action["add"], let path = Self.path(add),
        XXHash64.hash(Array(path.utf8)) == file.pathHash
      else { continue }
      return TableFileAction(path: folder + "/" + path, statistics: Self.statistics(add))
    }
    return nil
  }

  // MARK: - Commits

  /// Takes the state of a log checkpoint in the place of all files known so far.
  private mutating func take(_ state: TableSnapshot) {
    live = [:]
    live.reserveCapacity(state.fileCount)
    replaced = [:]
    byteCount = 0
    rowCount = 0
    uncountedCount = 0
    for known in state.files {
      let statistics =
        timeColumn == nil
        ? nil : state.statistics(of: known).flatMap { try? JSONValue(parsing: $0) }
      let file = File(
        pathHash: known.pathHash, version: state.version, byteCount: known.byteCount,
        rowCount: known.rowCount ?? -1,
        day: known.partitionValues["event_date"].flatMap(DateText.day),
        times: times(statistics ?? .null), isRewrite: false)
      live[file.pathHash] = file
      count(file, 1)
    }
    self.state = state
  }

  private mutating func take(_ commit: LogReader.Commit) {
    let kind = commit.foreign?.kind
    var removed: [File] = []
    for action in commit.actions {
      guard let remove = action["remove"], let path = Self.path(remove),
        let file = live.removeValue(forKey: XXHash64.hash(Array(path.utf8)))
      else { continue }
      count(file, -1)
      removed.append(file)
    }
    for action in commit.actions {
      guard let add = action["add"],
        let file = file(add, version: commit.version, isRewrite: kind == .rearranged)
      else { continue }
      if let before = live.updateValue(file, forKey: file.pathHash) { count(before, -1) }
      count(file, 1)
    }
    if kind == .rowsChanged { rowsChangedVersion = commit.version }
    // What maintenance of ours has written our reader can read.
    if kind == .rearranged, !removed.isEmpty, commit.foreign?.isMaintenance == false {
      replaced[commit.version] = removed
    }
  }

  private mutating func count(_ file: File, _ sign: Int64) {
    byteCount &+= sign &* file.byteCount
    if file.rowCount < 0 {
      uncountedCount += Int(sign)
    } else {
      rowCount &+= sign &* file.rowCount
    }
  }

  private func file(_ add: JSONValue, version: Int64, isRewrite: Bool) -> File? {
    guard let path = Self.path(add) else { return nil }
    let statistics = Self.statistics(add)
    return File(
      pathHash: XXHash64.hash(Array(path.utf8)), version: version,
      byteCount: max(0, add["size"]?.int64Value ?? 0),
      rowCount: statistics["numRecords"]?.int64Value ?? -1,
      day: add["partitionValues"]?["event_date"]?.stringValue.flatMap(DateText.day),
      times: times(statistics), isRewrite: isRewrite)
  }

  private func times(_ statistics: JSONValue) -> ClosedRange<Int64> {
    guard let timeColumn,
      let low = statistics["minValues"]?[timeColumn]?.stringValue.flatMap(InstantText.micros),
      let high = statistics["maxValues"]?[timeColumn]?.stringValue.flatMap(InstantText.micros),
      low <= high
    else { return .min ... .max }
    // Other writers cut the milliseconds off.
    return low...(high + 1000)
  }

  private static func path(_ action: JSONValue) -> String? {
    action["path"]?.stringValue.flatMap { DeltaPath.percentDecoded($0) }
  }

  private static func statistics(_ add: JSONValue) -> JSONValue {
    add["stats"]?.stringValue.flatMap { try? JSONValue(parsing: Array($0.utf8)) } ?? .null
  }
}

extension TableFollower.File {
  /// Whether it may hold rows of these times, by its date and its bounds.
  package func mayHold(_ wanted: ClosedRange<Int64>) -> Bool {
    if let day {
      let days = Timestamp.day(ofMicros: wanted.lowerBound)...Timestamp.day(
        ofMicros: wanted.upperBound)
      if !days.contains(day) { return false }
    }
    return times.overlaps(wanted)
  }
}

/// What a table amounts to.
package struct TableSize: Sendable, Equatable {
  package let name: String
  /// The newest commit that was read.
  package let version: Int64
  package let fileCount: Int
  package let byteCount: Int64
  /// Nil where another program's files do not say.
  package let rowCount: Int64?
  /// Whether rows may only come: `delta.appendOnly`.
  package let isAppendOnly: Bool

  package init(
    name: String, version: Int64, fileCount: Int, byteCount: Int64, rowCount: Int64?,
    isAppendOnly: Bool = false
  ) {
    self.isAppendOnly = isAppendOnly
    self.name = name
    self.version = version
    self.fileCount = fileCount
    self.byteCount = byteCount
    self.rowCount = rowCount
  }
}

/// Where a file is, and what the log says of its columns.
package struct TableFileAction: Sendable {
  /// Below the root.
  package let path: String
  /// Delta's statistics; null where there are none.
  package let statistics: JSONValue

  /// Whether a column of text may hold `text`, by its bounds.
  package func mayHold(_ text: [UInt8], in column: String) -> Bool {
    if let low = statistics["minValues"]?[column]?.stringValue,
      text.lexicographicallyPrecedes(low.utf8)
    {
      return false
    }
    if let high = statistics["maxValues"]?[column]?.stringValue,
      high.utf8.lexicographicallyPrecedes(text)
    {
      return false
    }
    return true
  }
}

/// Dates as Delta's partition values write them.
package enum DateText {
  /// `2026-11-21`; nil for anything else.
  package static func day(_ text: String) -> Int32? {
    let parts = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
    guard parts.count == 3, let year = parts[0], let month = parts[1], let day = parts[2],
      (1...9999).contains(year), (1...12).contains(month), (1...31).contains(day)
    else { return nil }
    return Timestamp.day(year: year, month: month, day: day)
  }
}

extension InstantText {
  /// Microseconds of an instant in text; nil where it is none.
  fileprivate static func micros(_ text: String) -> Int64? { InstantText(text)?.micros }
}
