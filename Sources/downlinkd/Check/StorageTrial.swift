import Base
import Config
import Glibc
import Pipeline
import Storage

/// Tries what `run` will ask of the root: a file put there as the pipeline puts them (written,
/// synced, linked to its name), read, and taken away. A root that was not there is not there after.
struct StorageTrial {
  let root: String
  let pipeline: String

  /// Below this a few commits fill the disk. What a day writes cannot be known beforehand.
  private static let freeByteCountMin: Int64 = 1 << 30

  func findings() -> [CheckFinding] {
    let missing = Self.missingFolders(of: root)
    defer { for folder in missing { unsafe rmdir(folder) } }
    var findings: [CheckFinding] = []
    do throws(StorageError) {
      let storage = try POSIXStorage(root: root, access: .readWrite)
      try Self.putOnce(in: storage)
      findings.append(
        .ok(
          "storage.root",
          missing.isEmpty
            ? "\(root) can be written, synced and linked"
            : "\(root) is not there yet, and can be made, written, synced and linked"))
      findings.append(Self.finding(freeByteCount: try storage.freeByteCount()))
      if missing.isEmpty, let owner = owner(of: storage) { findings.append(owner) }
    } catch {
      let isOutside = [.noSpace, .ioError, .syncFailed].contains(error.kind)
      findings.append(
        .fault(
          "storage.root", isOutside ? .outside : .configuration,
          "\(root): cannot \(error.operation.rawValue) \(error.path): \(error.detail)",
          advice: error.operation == .open && error.kind != .noSpace
            ? "see whether the folder above it is there and may be written, or name another root"
            : error.advice))
    }
    if geteuid() == 0 {
      findings.append(
        .warning(
          "storage.root", "this was tried as root, who may write everywhere",
          advice: "try it as the service's user: sudo -u downlinkd downlinkd check --connect …"))
    }
    return findings
  }

  /// Whose ledger is there; nil for none.
  private func owner(of storage: POSIXStorage) -> CheckFinding? {
    do {
      return try GrowthCheck.lastVersion(of: pipeline, in: storage).map {
        .ok("storage.root", "the ledger of \(pipeline) is there, its last entry is \($0)")
      }
    } catch {
      return .fault(
        "storage.root", .configuration, "\(root): \(error)",
        advice: "a root has one pipeline: see pipeline and storage.root")
    }
  }

  private static func putOnce(in storage: POSIXStorage) throws(StorageError) {
    let name = "_check-\(RandomID.make())"
    let bytes = Array("downlinkd check".utf8)
    _ = try storage.putIfAbsent(name, bytes)
    let found: [UInt8]
    do throws(StorageError) {
      found = try storage.read(name)
    } catch {
      try? storage.delete(name)
      throw error
    }
    try storage.delete(name)
    guard found == bytes else {
      throw StorageError(
        .ioError, .read, path: name, detail: "what was written did not come back")
    }
  }

  static func finding(freeByteCount count: Int64) -> CheckFinding {
    let shown = count >= 10_000_000_000 ? "\(count / 1_000_000_000) GB" : "\(count / 1_000_000) MB"
    if count < freeByteCountMin {
      return .warning(
        "storage.root", "\(shown) are free there: a full disk stops the pipeline",
        advice: "free some, or take another file system; what a day writes the first day will tell")
    }
    return .ok("storage.root", "\(shown) are free there; what a day writes the first day will tell")
  }

  /// The folders that do not exist on the way to the root, it included; the deepest first.
  private static func missingFolders(of root: String) -> [String] {
    var missing: [String] = []
    var path = root
    var status = stat()
    while path.count > 1, unsafe stat(path, &status) != 0, errno == ENOENT {
      missing.append(path)
      guard let slash = path.lastIndex(of: "/") else { break }
      path = String(path[..<slash])
    }
    return missing
  }
}
