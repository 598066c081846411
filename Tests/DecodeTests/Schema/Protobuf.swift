import Foundation
import TestSupport

/// Google's own tools as the second opinion on schemas: `protoc` and Protobuf for Python.
enum Protobuf {
  /// The descriptor set of some `.proto` files, by name.
  static func descriptorSet(
    of files: [String: String], compile names: [String]? = nil, includesImports: Bool = true,
    includesComments: Bool = false
  ) throws -> [UInt8] {
    try inFolder { folder in
      for (name, text) in files {
        let file = folder.appendingPathComponent(name)
        try FileManager.default.createDirectory(
          at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(text.utf8).write(to: file)
      }
      let set = folder.appendingPathComponent("set.binpb")
      let paths = (names ?? files.keys.sorted()).map { folder.appendingPathComponent($0).path }
      _ = try Program.run(
        Program.find("protoc"),
        ["--proto_path=\(folder.path)", "--descriptor_set_out=\(set.path)"]
          + (includesImports ? ["--include_imports"] : [])
          + (includesComments ? ["--include_source_info"] : []) + paths,
        errorsToo: true
      ).successful()
      return Array(try Data(contentsOf: set))
    }
  }

  /// What a Python script prints, given a descriptor set and words.
  static func python(_ script: String, set: [UInt8], _ words: [String]) throws -> String {
    try inFolder { folder in
      let set = (folder.appendingPathComponent("set.binpb"), Data(set))
      let script = (folder.appendingPathComponent("script.py"), Data(script.utf8))
      for (file, data) in [set, script] { try data.write(to: file) }
      return try Program.run(Python.interpreter, [script.0.path, set.0.path] + words)
        .successful().text
    }
  }

  /// What one of the scripts of `Tests/Python` prints.
  static func python(file name: String, _ words: [String]) throws -> String {
    String(decoding: try Python.output(of: name, words), as: UTF8.self)
  }

  private static func inFolder<Value>(_ body: (URL) throws -> Value) throws -> Value {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("downlink-schema-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
  }
}
