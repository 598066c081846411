import Base
import Foundation
import Storage
import TestSupport

/// Folders on disk that other people's readers can open, removed at the end.
final class TableFolder: Sendable {
  let path: String

  init() throws {
    path = NSTemporaryDirectory() + "downlink-pipeline-" + UUID().uuidString
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// Writes everything of a storage in memory under `name`; returns the folder.
  func add(_ storage: MemoryStorage, as name: String) throws -> String {
    let root = "\(path)/\(name)"
    for file in storage.paths {
      let target = URL(fileURLWithPath: "\(root)/\(file)")
      try FileManager.default.createDirectory(
        at: target.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(try storage.read(file)).write(to: target)
    }
    return root
  }

  /// Runs a script of `Tests/Python`; what it finds is an error with its words.
  @discardableResult
  static func read(
    _ arguments: [String], with script: String = "pipeline_tables.py"
  ) throws -> String {
    String(decoding: try Python.output(of: script, arguments), as: UTF8.self)
  }

  /// The rows of a root in canonical JSON, members sorted by name.
  static func rows(_ root: String) throws -> [String] {
    try read(["rows", root]).split(separator: "\n").map {
      try JSONValue(parsing: String($0)).text
    }
  }
}
