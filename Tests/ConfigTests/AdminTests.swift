import Config
import Foundation
import Testing

@Suite struct AdminTests {
  @Test(arguments: [
    ("auto", Configuration.Admin.Place.auto), ("none", .none),
    ("/run/a.sock", .path("/run/a.sock")), ("./a.sock", .path("/etc/downlink/a.sock")),
  ]) func `a socket is auto, none or a path from the file's folder`(
    _ text: String, _ place: Configuration.Admin.Place
  ) throws {
    #expect(try read(minimal + "admin: {socket: \(text)}\n").admin.socket == place)
  }

  @Test(arguments: [
    ("socket: ''", "admin.socket: `` is empty; expected a text"),
    ("socket: ~/a", "admin.socket: `~/a` starts with `~`, which is not expanded"),
    (
      "socket: /\(String(repeating: "x", count: 107))",
      "` has 108 bytes; the path of a socket has at most 107"
    ),
    ("mode: 66", "admin.mode: `66` is not of the form 0660"),
    ("mode: 0x1B0", "admin.mode: `0x1B0` is not of the form 0660"),
    ("mode: 01000", "admin.mode: `01000` is not of the form 0660"),
    ("mode: 0068", "admin.mode: `0068` is not of the form 0660"),
    ("mode: 0060", "admin.mode: `0060` keeps its owner out"),
    ("sokcet: auto", "admin.sokcet: unknown key"),
  ]) func `what is no socket or mode is said`(_ text: String, _ expected: String) throws {
    let found = faults(of: minimal + "admin: {\(text)}\n")
    #expect(found.count == 1)
    let line = found.first.map { "\($0.keyPath): \($0.message)" } ?? ""
    #expect(line.contains(expected), "\(line)")
  }

  // MARK: - Where an instance is

  private func whereabouts(_ text: String) throws -> Configuration.Whereabouts {
    let file = FileManager.default.temporaryDirectory.path + "/downlink-\(UUID().uuidString)"
    try text.write(toFile: file, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(atPath: file) }
    return try Configuration.Whereabouts(file: file, environment: ["P": "fleet"])
  }

  @Test func `a file with faults elsewhere still tells where its instance is`() throws {
    let text = minimal.replacing("pipeline: fleet", with: "pipeline: ${P}")
      .replacing("unit: ms", with: "unit: mss").replacing("message:", with: "massage:")
      + "http: {listen: 127.0.0.1:1, lisen: x}\nadmin: {socket: /run/a.sock}\nlog: {level: x}\n"
    let found = try whereabouts(text)
    #expect(found.pipeline == "fleet")
    #expect(found.admin.socket == .path("/run/a.sock"))
    #expect(found.listen == Endpoint(host: "127.0.0.1", port: 1))
  }

  @Test(arguments: [
    ("pipeline: fleet", "pipelin: fleet", "pipelin"), ("pipeline: fleet", "lanes: 2", ""),
    ("pipeline: fleet", "pipeline: ${Q}", "pipeline"),
    ("storage:", "admin: {socket: ''}\nstorage:", "admin.socket"),
    ("storage:", "admin: []\nstorage:", "admin"),
    ("storage:", "http: {listen: x}\nstorage:", "http.listen"),
  ]) func `what keeps it from being found is said, and nothing else`(
    _ old: String, _ new: String, _ keyPath: String
  ) throws {
    let text = minimal.replacing("unit: ms", with: "unit: mss").replacing(old, with: new)
    let error = #expect(throws: ConfigFaults.self) { _ = try whereabouts(text) }
    let paths = error?.faults.map(\.keyPath) ?? []
    #expect(paths.contains(keyPath), "\(paths)")
    #expect(keyPath == "pipelin" || paths.count == 1, "\(paths)")
  }
}
