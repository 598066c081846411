import Base

/// A new file of which size and xxHash64 are known when it is closed: of its bytes as they were
/// made, before storage had them, so that a disk that writes something else is found out.
package struct HashedFile: ~Copyable {
  package let path: String
  private let file: any StorageFile
  private var hash = StreamingXXHash64()

  /// Begins the file; one that is never closed is discarded with this value.
  package init(creating path: String, in storage: any Storage) throws(StorageError) {
    self.path = path
    file = try storage.create(path)
  }

  package var byteCount: Int64 { Int64(hash.byteCount) }

  /// Appends to the file. Errors: as `StorageFile.append`.
  package mutating func append(_ bytes: [UInt8]) throws(StorageError) {
    if bytes.isEmpty { return }
    try file.append(bytes)
    hash.update(bytes)
  }

  /// Syncs the bytes and gives the file its name, which is durable after `syncFolder`. Errors: as
  /// `StorageFile.close`.
  package consuming func close() throws(StorageError) -> (byteCount: Int64, checksum: UInt64) {
    try file.close(sync: true)
    return (Int64(hash.byteCount), hash.value)
  }
}
