import Base
import Parquet
import Storage

/// Whether a file on disk is the one that was committed.
enum FileCheck {
  /// What a look at a file came to.
  enum Verdict: Equatable {
    case whole(bytesRead: Int64)
    case absent
    case damaged(String)
  }

  /// A data file against its add action: its size, its checksum, and the rows its footer says; a
  /// file without a checksum is decoded whole instead.
  ///
  /// Memory: a part of the file, its footer and, where it is decoded, one column of one row group.
  /// - Parameter isOurs: by its name. Files of other programs are compared in size only, as the
  ///   reader knows our files alone.
  static func data(
    _ path: String, _ facts: FileFacts, isOurs: Bool, readsContents: Bool, _ storage: any Storage
  ) throws(AuditError) -> Verdict {
    do {
      let size = try storage.size(path)
      if size != facts.byteCount {
        return .damaged("it has \(size) bytes, the log says \(facts.byteCount)")
      }
      guard readsContents, isOurs else { return .whole(bytesRead: 0) }
      if let fault = try fault(of: path, size, facts, storage) { return .damaged(fault) }
      return .whole(bytesRead: size)
    } catch {
      switch error.kind {
      case .notFound: return .absent
      case .invalidPath: return .damaged("its path leads out of the root")
      case .ioError: return .damaged("it cannot be read: \(error.detail)")
      default: throw .storage(error)
      }
    }
  }

  /// Merged files are hundreds of megabytes.
  private static let partByteCount = 8 << 20

  private static func fault(
    of path: String, _ size: Int64, _ facts: FileFacts, _ storage: any Storage
  ) throws(StorageError) -> String? {
    if let wanted = facts.checksum {
      var hash = StreamingXXHash64()
      while Int64(hash.byteCount) < size {
        let part = try storage.read(
          path, from: Int64(hash.byteCount), byteCount: partByteCount)
        if part.isEmpty { break }
        hash.update(part)
      }
      let found = hash.value
      if found != wanted {
        return "its checksum is \(RandomID.hex(found)), the log says \(RandomID.hex(wanted))"
      }
    }
    do throws(ParquetError) {
      let file = try ParquetFile(byteCount: Int(size)) { position, count in
        try storage.read(path, from: Int64(position), byteCount: count)
      }
      if let wanted = facts.rowCount, Int64(file.footer.rowCount) != wanted {
        return "it has \(file.footer.rowCount) rows, the log says \(wanted)"
      }
      if facts.checksum == nil { try decode(file) }
      return nil
    } catch {
      if case .unreadable(let reason as StorageError) = error { throw reason }
      return "\(error)"
    }
  }

  private static func decode(_ file: ParquetFile) throws(ParquetError) {
    for rowGroup in file.footer.rowGroups.indices {
      for column in file.footer.schema.columns.indices {
        _ = try file.readColumn(column, rowGroup: rowGroup)
      }
    }
  }

  /// A state snapshot against the chain's reference to it.
  static func state(
    _ path: String, byteCount: Int64, checksum: UInt64, readsContents: Bool,
    _ storage: any Storage
  ) throws(AuditError) -> Verdict {
    do {
      let size = try storage.size(path)
      if size != byteCount {
        return .damaged("it has \(size) bytes, the ledger says \(byteCount)")
      }
      guard readsContents else { return .whole(bytesRead: 0) }
      let bytes = try storage.read(path)
      let found = XXHash64.hash(bytes)
      if found != checksum {
        return .damaged(
          "its checksum is \(RandomID.hex(found)), the ledger says \(RandomID.hex(checksum))")
      }
      return .whole(bytesRead: Int64(bytes.count))
    } catch {
      switch error.kind {
      case .notFound: return .absent
      case .invalidPath: return .damaged("its path leads out of the root")
      case .ioError: return .damaged("it cannot be read: \(error.detail)")
      default: throw .storage(error)
      }
    }
  }
}
