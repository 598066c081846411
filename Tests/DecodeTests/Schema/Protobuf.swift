import Foundation

/// Google's own tools as the second opinion on schemas: `protoc` and Protobuf for Python.
enum Protobuf {
  struct Failed: Error, CustomStringConvertible {
    let description: String
  }

  /// The descriptor set of some `.proto` files, by name.
  static func descriptorSet(
    of files: [String: String], compile names: [String]? = nil, includesImports: Bool = true
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
      _ = try run(
        try executable("protoc"),
        ["--proto_path=\(folder.path)", "--descriptor_set_out=\(set.path)"]
          + (includesImports ? ["--include_imports"] : []) + paths)
      return Array(try Data(contentsOf: set))
    }
  }

  /// What a Python script prints, given a descriptor set and words.
  static func python(_ script: String, set: [UInt8], _ words: [String]) throws -> String {
    try inFolder { folder in
      let set = (folder.appendingPathComponent("set.binpb"), Data(set))
      let script = (folder.appendingPathComponent("script.py"), Data(script.utf8))
      for (file, data) in [set, script] { try data.write(to: file) }
      return try run(try interpreter(), [script.0.path, set.0.path] + words)
    }
  }

  /// What one of the scripts of `Tests/Python` prints.
  static func python(
    file name: String, _ words: [String], filePath: String = #filePath
  ) throws -> String {
    guard let path = findUpwards("Tests/Python/\(name)", from: filePath) else {
      throw Failed(description: "Tests/Python/\(name) is in no folder above \(filePath)")
    }
    return try run(try interpreter(), [path] + words)
  }

  /// The file at `relativePath` of the nearest folder above that has it.
  static func findUpwards(_ relativePath: String, from filePath: String) -> String? {
    var folder = URL(fileURLWithPath: filePath)
    while folder.path != "/" {
      folder.deleteLastPathComponent()
      let candidate = folder.appendingPathComponent(relativePath).path
      if FileManager.default.fileExists(atPath: candidate) { return candidate }
    }
    return nil
  }

  private static func inFolder<Value>(_ body: (URL) throws -> Value) throws -> Value {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("downlink-schema-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    return try body(folder)
  }

  private static func interpreter(filePath: String = #filePath) throws -> String {
    if let path = ProcessInfo.processInfo.environment["DOWNLINK_PYTHON"] { return path }
    if let path = findUpwards(".venv/bin/python", from: filePath) { return path }
    throw Failed(description: "no Python interpreter with protobuf: run make setup")
  }

  private static func executable(_ name: String) throws -> String {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    for folder in path.split(separator: ":") {
      let candidate = "\(folder)/\(name)"
      if FileManager.default.isExecutableFile(atPath: candidate) { return candidate }
    }
    throw Failed(description: "\(name) is not on the PATH: run make setup")
  }

  private static func run(_ program: String, _ arguments: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw Failed(description: "\(program) ended with status \(process.terminationStatus)")
    }
    return String(decoding: data, as: UTF8.self)
  }
}
