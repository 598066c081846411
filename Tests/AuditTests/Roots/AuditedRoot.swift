import Audit
import Base
import Ledger
import Storage

@testable import Pipeline

/// A root that a committer has made, and the means to damage it.
struct AuditedRoot {
  let storage: MemoryStorage

  /// Everything the driver commits, undisturbed.
  init() throws {
    storage = MemoryStorage()
    _ = try CommitDriver.run(storage)
  }

  init(_ storage: MemoryStorage) { self.storage = storage }

  func audit(readsContents: Bool = true) throws -> AuditReport {
    try RootAudit.run(storage, .init(pipeline: "fleet", readsContents: readsContents))
  }

  // MARK: - Damage

  /// Puts other bytes in a file's place.
  func replace(_ path: String, with bytes: [UInt8]) throws {
    try storage.delete(path)
    _ = try storage.putIfAbsent(path, bytes)
  }

  /// Rewrites a text file, every occurrence of `text`. An entry of the chain gets the checksum of
  /// its new text: what is to be found then is not damage but a lie.
  func rewrite(_ path: String, _ text: String, _ replacement: String) throws {
    var old = String(decoding: try storage.read(path), as: UTF8.self)
    var checksum: String?
    if let tail = old.ranges(of: #","checksum":""#).last, path.hasPrefix("_ledger/") {
      checksum = String(old[tail])
      old = String(old[..<tail.lowerBound])
    }
    guard old.contains(text) else {
      throw StorageError(.other, .read, path: path, detail: "it does not hold \(text)")
    }
    let new = old.split(separator: text, omittingEmptySubsequences: false)
      .joined(separator: replacement)
    var bytes = Array(new.utf8)
    if let checksum { bytes += Array((checksum + RandomID.hex(XXHash64.hash(bytes)) + "\"}").utf8) }
    try replace(path, with: bytes)
  }

  /// Inverts one byte in the middle of a file.
  func flip(_ path: String) throws {
    var bytes = try storage.read(path)
    bytes[bytes.count / 2] ^= 0xFF
    try replace(path, with: bytes)
  }

  /// The first path with these parts.
  func path(_ parts: String...) throws -> String {
    guard let path = storage.paths.first(where: { path in parts.allSatisfy { path.contains($0) } })
    else { throw StorageError(.notFound, .read, path: parts.joined(), detail: "no such path") }
    return path
  }

  /// The newest path with these parts.
  func last(_ parts: String...) throws -> String {
    guard let path = storage.paths.last(where: { path in parts.allSatisfy { path.contains($0) } })
    else { throw StorageError(.notFound, .read, path: parts.joined(), detail: "no such path") }
    return path
  }
}

extension AuditReport {
  /// Every error and warning as a line, for expectations and messages.
  var lines: [String] {
    findings.filter { $0.severity != .note }.map { finding in
      "\(finding.severity.rawValue) \(finding.invariant?.rawValue ?? "-") "
        + "\(finding.subject.path ?? finding.subject.table ?? ""): \(finding.sentence)"
    }
  }
}
