import Foundation
import TestSupport

/// `Tests/Python/fake_registry.py` as a process: serves some schemas until it goes.
final class FakeRegistry {
  struct Failed: Error, CustomStringConvertible {
    let description: String
  }

  /// Where it listens.
  let port: Int
  /// The certificate that vouches for it over TLS.
  let certificate: String
  private let folder: URL
  private let process = Process()
  private let input = Pipe()

  /// Schema 1 is `acme.Orbit` and imports schema 2 and one of Protobuf's own files; schema 3 is
  /// Avro's.
  static let schemas = """
    [
      {"id": 2, "subject": "place", "schema":
       "syntax = \\"proto3\\"; package acme; message Place { double altitude_km = 1; }"},
      {"id": 1, "subject": "orbit/v1-value", "references":
       [{"name": "acme/place.proto", "subject": "place", "version": 1}], "schema":
       "syntax = \\"proto3\\"; package acme; import \\"acme/place.proto\\"; \
    import \\"google/protobuf/timestamp.proto\\"; message Status {} \
    message Orbit { Place place = 1; google.protobuf.Timestamp at = 2; }"},
      {"id": 3, "subject": "avro-value", "type": "AVRO", "schema": "\\"string\\""}
    ]
    """

  init(tls: Bool = false) throws {
    folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("downlink-registry-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    certificate = folder.appendingPathComponent("registry.crt").path
    let schemas = folder.appendingPathComponent("schemas.json")
    try Data(Self.schemas.utf8).write(to: schemas)
    process.executableURL = URL(fileURLWithPath: Python.interpreter)
    process.arguments =
      [Python.path("fake_registry.py"), schemas.path] + (tls ? ["--tls", folder.path] : [])
    process.standardInput = input
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let said = String(decoding: output.fileHandleForReading.availableData, as: UTF8.self)
    guard let port = Int(said.trimmingCharacters(in: .whitespacesAndNewlines)) else {
      process.terminate()
      throw Failed(description: "the fake registry does not say its port but: \(said)")
    }
    self.port = port
  }

  deinit {
    stop()
    try? FileManager.default.removeItem(at: folder)
  }

  func stop() {
    try? input.fileHandleForWriting.close()
    process.waitUntilExit()
  }

  /// A folder that goes with the registry.
  var cacheFolder: String { folder.appendingPathComponent("cache").path }
}
