import Config
import Foundation
import Testing

/// `.proto` folders: compiled by `protoc` when the configuration is read.
@Suite struct ProtosTests {
  private static let fleet = """
    syntax = "proto3"; package acme; import "base/unit.proto";
    message Fleet { base.Unit unit = 1; }

    """
  private static let unit = "syntax = \"proto3\"; package base; message Unit { string id = 1; }\n"

  /// A folder with files, removed afterwards, and a configuration whose only source compiles it.
  private func inFolder(
    _ files: [String: String], body: (_ folder: String) throws -> Void
  ) throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("downlink-protos-\(UUID().uuidString)")
    defer { try? FileManager.default.removeItem(at: folder) }
    for (name, text) in files {
      let file = folder.appendingPathComponent(name)
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try Data(text.utf8).write(to: file)
    }
    try body(folder.path)
  }

  private func text(_ protos: String) -> String {
    minimal.replacing("device: device_id", with: "device: device_id\n    protos: \(protos)")
  }

  private var environment: [String: String] {
    ["PATH": ProcessInfo.processInfo.environment["PATH"] ?? ""]
  }

  private func complaints(
    _ protos: String, environment: [String: String]? = nil
  ) -> [String] {
    faults(of: text(protos), environment: environment ?? self.environment).map { fault in
      "\(fault.keyPath): \(fault.message)" + (fault.suggestion.map { " = " + $0 } ?? "")
    }
  }

  @Test func `a folder gives the set that protoc makes of it, imports included`() throws {
    try inFolder(["fleet.proto": Self.fleet, "base/unit.proto": Self.unit]) { folder in
      let all = try read(text("{folder: \(folder)}"), environment: environment)
      let set = try #require(all.sources[0].descriptorSet)
      #expect(set.path == folder && set.protos == [] && set.key == "protos")
      #expect(String(decoding: set.bytes, as: UTF8.self).contains("base/unit.proto"))
      let named = try read(
        text("{folder: \(folder), files: [fleet.proto]}"), environment: environment)
      // Files come in the order in which they are imported, so one and all are the same here.
      #expect(named.sources[0].descriptorSet?.bytes == set.bytes)
      #expect(named.fingerprint == all.fingerprint)
      #expect(all.effective.contains("folder: "))
    }
  }

  @Test func `the fingerprint is that of the set, however it came`() throws {
    try inFolder(["unit.proto": Self.unit]) { folder in
      let compiled = try read(text("{folder: \(folder)}"), environment: environment)
      let bytes = try #require(compiled.sources[0].descriptorSet?.bytes)
      try Data(bytes).write(to: URL(fileURLWithPath: folder + "/set.binpb"))
      let given = try read(
        minimal.replacing(
          "device: device_id", with: "device: device_id\n    descriptor_set: \(folder)/set.binpb"))
      #expect(given.fingerprint == compiled.fingerprint)
      #expect(ConfigurationChange(from: compiled, to: given).isEmpty)
    }
  }

  @Test func `what protoc says is the fault`() throws {
    try inFolder(["a.proto": "syntax = \"proto3\"; message A { Missing x = 1; }\n"]) { folder in
      let complaint = complaints("{folder: \(folder)}")
      #expect(complaint.count == 1)
      #expect(complaint.first?.hasPrefix("sources[0].protos: protoc: a.proto:1:") == true)
      #expect(complaint.first?.contains("\"Missing\" is not defined") == true)
    }
  }

  @Test func `without protoc there is a way out`() throws {
    try inFolder(["a.proto": Self.unit]) { folder in
      #expect(
        complaints("{folder: \(folder)}", environment: ["PATH": "/nowhere"]) == [
          "sources[0].protos: protoc, which compiles .proto files, is not on the PATH = install it"
            + " (Debian: protobuf-compiler), or make the set elsewhere with: protoc"
            + " --proto_path=FOLDER --include_imports --descriptor_set_out=FILE …, and name it in"
            + " `descriptor_set`"
        ])
    }
  }

  @Test func `folders and files that cannot be are refused before protoc is started`() throws {
    try inFolder(["notes.txt": "none"]) { folder in
      #expect(
        complaints("{folder: \(folder)}")
          == ["sources[0].protos.folder: \(folder) holds no .proto files"])
      #expect(
        complaints("{folder: \(folder)/no}")
          == ["sources[0].protos: cannot read \(folder)/no: No such file or directory"])
      #expect(
        complaints("{folder: \(folder), files: [../a.proto, a.txt]}") == [
          "sources[0].protos.files[0]: `../a.proto` is not a path below the folder, such as"
            + " acme/orbit.proto",
          "sources[0].protos.files[1]: `a.txt` is not the name of a .proto file",
        ])
      #expect(
        complaints("{files: [a.proto]}")
          == ["sources[0].protos: `folder` is missing; expected a text"])
      #expect(
        complaints("{folder: \(folder)}\n    descriptor_set: x.binpb").first?.hasPrefix(
          "sources[0].protos: `protos` and `descriptor_set` exclude each other") == true)
    }
  }

  @Test func `a protoc that fails in silence, or writes nothing, is no riddle`() throws {
    try inFolder(["a.proto": Self.unit, "bin/protoc": "#!/bin/sh\nexit 3\n"]) { folder in
      let program = folder + "/bin/protoc"
      try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: program)
      let path = ["PATH": folder + "/bin:/bin"]
      #expect(
        complaints("{folder: \(folder)}", environment: path)
          == ["sources[0].protos: protoc ended with exit code 3"])
      try Data("#!/bin/sh\nexit 0\n".utf8).write(to: URL(fileURLWithPath: program))
      let complaint = complaints("{folder: \(folder)}", environment: path).first ?? ""
      #expect(complaint.hasPrefix("sources[0].protos: protoc wrote nothing that can be read"))
      #expect(!complaint.isEmpty)
    }
  }

  @Test func `folders that lead round are not followed for ever`() throws {
    try inFolder(["a/readme.txt": "no schema"]) { folder in
      // Two links at each level: 2^32 ways, without a single file.
      for link in ["a/x", "a/y"] {
        try FileManager.default.createSymbolicLink(
          atPath: "\(folder)/\(link)", withDestinationPath: "\(folder)/a")
      }
      let found = complaints("{folder: \(folder)}")
      #expect(found.count == 1)
      #expect(found.first?.contains("more than 10000 folders") == true, "\(found)")
    }
  }
}
