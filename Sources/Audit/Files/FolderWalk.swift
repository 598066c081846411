import Storage

/// Visits every file below a folder, folder by folder, in the order of names.
///
/// Memory: the names of one folder a level. Folders nested deeper than `depthMax` are not ours and
/// are left alone, and so a loop of links ends.
struct FolderWalk {
  static let depthMax = 6

  let storage: any Storage
  /// Temporary files met on the way.
  private(set) var unfinished: [UnfinishedFile] = []

  init(_ storage: any Storage) { self.storage = storage }

  /// - Parameters:
  ///   - isSkipped: folders that are not entered, by their path.
  ///   - visit: is given the path of each file, relative to the root.
  mutating func visitFiles(
    below folder: String, isSkipped: (String) -> Bool,
    _ visit: (String) throws(AuditError) -> Void
  ) throws(AuditError) {
    try visitFiles(below: folder, depth: 0, isSkipped: isSkipped, visit)
  }

  /// Notes the temporary files directly in a folder.
  mutating func noteUnfinished(in folder: String) throws(AuditError) {
    do { unfinished += try storage.unfinished(in: folder) } catch { throw .storage(error) }
  }

  private mutating func visitFiles(
    below folder: String, depth: Int, isSkipped: (String) -> Bool,
    _ visit: (String) throws(AuditError) -> Void
  ) throws(AuditError) {
    try noteUnfinished(in: folder)
    for name in try names(in: folder) ?? [] {
      let path = folder.isEmpty ? name : folder + "/" + name
      if isSkipped(path) { continue }
      if try isFolder(path) {
        if depth < Self.depthMax {
          try visitFiles(below: path, depth: depth + 1, isSkipped: isSkipped, visit)
        }
      } else {
        try visit(path)
      }
    }
  }

  /// The names in a folder; nil where it is a file.
  func names(in folder: String) throws(AuditError) -> [String]? {
    do {
      return try storage.list(folder)
    } catch {
      // A file, or gone since it was listed.
      if error.kind == .notFound { return nil }
      throw .storage(error)
    }
  }

  /// Names of ours say what they are; others are asked.
  private func isFolder(_ path: String) throws(AuditError) -> Bool {
    let name = StoragePath.name(of: path)
    if name.hasPrefix("event_date=") { return true }
    if name.hasSuffix(".parquet") || name.hasSuffix(".state") || name.hasSuffix(".json") {
      return false
    }
    guard let names = try names(in: path) else { return false }
    // Storage without folders answers a file's name with an empty list.
    return !names.isEmpty || !name.contains(".")
  }
}
