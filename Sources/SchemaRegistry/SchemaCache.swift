internal import Base
internal import Storage

/// Answers of a registry in files, so that a restart needs no registry for schemas it has met.
///
///     <folder>/<hash of the registry's URL>/<id>.json      the registry's answer, byte for byte
///
/// Ids never change their meaning within one registry, so that a file is never written twice; those
/// of another registry lie elsewhere. Only answers with a schema are kept. A cache that cannot be
/// read or written costs requests and nothing else.
struct SchemaCache {
  private let storage: any Storage
  private let folder: String

  init(folder: String, url: String) throws(StorageError) {
    storage = try POSIXStorage(root: folder)
    self.folder = RandomID.hex(XXHash64.hash(Array(url.utf8)))
  }

  /// The answer that was kept; nil where there is none, or none that can be read.
  func schema(id: Int32) -> RegistrySchema? {
    let path = path(id)
    guard let bytes = try? storage.read(path) else { return nil }
    return try? RegistrySchema(bytes, url: path)
  }

  /// Keeps an answer. Another process may have been quicker.
  func keep(_ bytes: [UInt8], id: Int32) throws(StorageError) {
    _ = try storage.putIfAbsent(path(id), bytes)
  }

  private func path(_ id: Int32) -> String { "\(folder)/\(id).json" }
}
