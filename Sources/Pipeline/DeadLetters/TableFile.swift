import Base
import DeltaLog
import Storage
import TableReading

/// A data file of one of our tables, as the table's log names it.
struct TableFile {
  /// Below the root.
  let path: String
  /// The file's `event_date`; nil where the log gives none.
  let day: Int32?
  /// Delta's statistics; null where there are none.
  let statistics: JSONValue
  /// Place among all files in the order of the log.
  fileprivate(set) var order = 0

  fileprivate init?(add: JSONValue, folder: String) {
    guard let path = add["path"]?.stringValue.flatMap({ DeltaPath.percentDecoded($0) }) else {
      return nil
    }
    self.path = folder + "/" + path
    day = add["partitionValues"]?[TableDefinition.partitionColumn]?.stringValue
      .flatMap(DateText.day)
    statistics =
      add["stats"]?.stringValue.flatMap { try? JSONValue(parsing: Array($0.utf8)) } ?? .null
  }
}

extension TableFile {
  /// A file that is known from a log checkpoint.
  fileprivate init(_ known: LiveFile, of state: TableSnapshot, folder: String) {
    path = folder + "/" + known.path
    day = known.partitionValues[TableDefinition.partitionColumn].flatMap(DateText.day)
    statistics = state.statistics(of: known).flatMap { try? JSONValue(parsing: $0) } ?? .null
  }
}

/// The files a table consists of, from its log, in the order in which they came into it.
///
/// Other engines may have rewritten files of ours (OPTIMIZE): what they wrote need not be readable
/// for us. Their commit says that no row changed, so as long as the files it replaced are still on
/// the disk and nobody has deleted rows from the new ones, the old ones are read instead.
///
/// Cost: one pass over the log; memory: its statistics.
struct TableFileList {
  private let folder: String
  /// Files that are live, by path.
  private var live: [String: TableFile] = [:]
  /// What a rewrite has replaced: all of `replaced` stands in all of `written`.
  private struct Rewrite {
    var replaced: [TableFile]
    var written: Set<String>
  }
  private var rewrites: [Rewrite] = []
  private var nextOrder = 0

  /// - Parameter appID: `<pipeline>/<ledger id>`.
  static func read(
    table: String, storage: any Storage, appID: String
  ) throws(DeltaError) -> [TableFile] {
    var list = TableFileList(folder: FileNames.tableFolder(table))
    var reader = LogReader(storage: storage, folder: list.folder, appID: appID)
    while true {
      switch try reader.step() {
      case .commit(let commit): list.take(commit)
      case .state(let state): list.take(state)
      case .end: return try list.files(storage, table: table)
      }
    }
  }

  private init(folder: String) { self.folder = folder }

  /// Takes the state of a log checkpoint, behind which the commits are gone, in the place of all
  /// that was read. Which files a rewrite had replaced is not known any more.
  private mutating func take(_ state: TableSnapshot) {
    live = [:]
    rewrites = []
    for known in state.files {
      var file = TableFile(known, of: state, folder: folder)
      file.order = nextOrder
      nextOrder += 1
      live[file.path] = file
    }
  }

  private mutating func take(_ commit: LogReader.Commit) {
    var removed: [TableFile] = []
    for path in commit.actions.compactMap({ $0["remove"]?["path"]?.stringValue }) {
      guard let decoded = DeltaPath.percentDecoded(path) else { continue }
      if let file = live.removeValue(forKey: folder + "/" + decoded) { removed.append(file) }
    }
    var written: Set<String> = []
    for add in commit.actions.compactMap({ $0["add"] }) {
      guard var file = TableFile(add: add, folder: folder) else { continue }
      file.order = nextOrder
      nextOrder += 1
      live[file.path] = file
      written.insert(file.path)
    }
    if let foreign = commit.foreign, foreign.kind == .rearranged, !foreign.isMaintenance,
      !removed.isEmpty
    {
      note(Rewrite(replaced: removed, written: written))
    }
  }

  /// A rewrite of files that a rewrite wrote stands for the first one's originals.
  private mutating func note(_ rewrite: Rewrite) {
    var rewrite = rewrite
    for (index, older) in rewrites.enumerated().reversed() {
      let gone = Set(rewrite.replaced.map(\.path))
      guard older.written.isSubset(of: gone) else { continue }
      rewrite.replaced.removeAll { older.written.contains($0.path) }
      rewrite.replaced += older.replaced
      rewrites.remove(at: index)
    }
    rewrites.append(rewrite)
  }

  private func files(
    _ storage: any Storage, table: String
  ) throws(DeltaError) -> [TableFile] {
    var files = live
    for rewrite in rewrites where rewrite.written.isSubset(of: files.keys) {
      guard try areThere(rewrite.replaced, storage, table: table) else { continue }
      for path in rewrite.written { files[path] = nil }
      for file in rewrite.replaced { files[file.path] = file }
    }
    return files.values.sorted { $0.order < $1.order }
  }

  private func areThere(
    _ files: [TableFile], _ storage: any Storage, table: String
  ) throws(DeltaError) -> Bool {
    do throws(StorageError) {
      for file in files where try !storage.exists(file.path) { return false }
      return true
    } catch {
      throw .storage(error, table: table)
    }
  }
}
