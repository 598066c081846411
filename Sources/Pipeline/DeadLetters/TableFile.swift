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
    while let commit = try reader.next() { list.take(commit) }
    return try list.files(storage, table: table)
  }

  private init(folder: String) { self.folder = folder }

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
    if commit.foreign?.kind == .rearranged, !removed.isEmpty {
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
