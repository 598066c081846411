import Decode
import Testing

@testable import SchemaRegistry

@Suite(.serialized) struct SubjectSchemaTests {
  private func options(_ registry: FakeRegistry, _ fault: String = "") -> RegistryOptions {
    RegistryOptions(
      url: "http://localhost:\(registry.port)" + (fault.isEmpty ? "" : "/\(fault)"),
      timeoutMillis: 5000)
  }

  @Test func `a subject comes with all that it imports, as a descriptor set`() throws {
    let registry = try FakeRegistry()
    defer { registry.stop() }
    let schema = try SubjectSchema.latest(of: "orbit/v1-value", options(registry))
    #expect(schema.version == 1)
    guard case .descriptorSet(let bytes) = schema.form else {
      Issue.record("the fake registry serializes")
      return
    }
    var names: [String] = []
    var rest = bytes[...]
    while rest.popFirst() != nil {
      var (count, shift) = (0, 0)
      while let byte = rest.popFirst() {
        count |= Int(byte & 0x7F) << shift
        shift += 7
        if byte < 0x80 { break }
      }
      let file = Array(rest.prefix(count))
      names += try SchemaOutline(fileDescriptor: file).names(at: [0])
      rest = rest.dropFirst(count)
    }
    // Imports come before those that import them.
    #expect(names == ["acme.Place", "google.protobuf.Timestamp", "acme.Status"])
  }

  @Test func `a registry that only knows text gives files`() throws {
    let registry = try FakeRegistry()
    defer { registry.stop() }
    let schema = try SubjectSchema.latest(of: "orbit/v1-value", options(registry, "text"))
    guard case .files(let files) = schema.form else {
      Issue.record("the fake registry sends text")
      return
    }
    #expect(files.map(\.name) == ["acme/place.proto", "orbit/v1-value.proto"])
    #expect(files[1].text.contains("message Orbit"))
  }

  @Test func `what cannot be had is said`() throws {
    let registry = try FakeRegistry()
    defer { registry.stop() }
    func reason(_ subject: String, _ fault: String = "") -> RegistryError.Reason? {
      do {
        _ = try SubjectSchema.latest(of: subject, options(registry, fault))
        return nil
      } catch {
        return error.reason
      }
    }
    #expect(reason("nobody-value") == .notFound)
    #expect(reason("avro-value") == .garbled)
    #expect(reason("orbit/v1-value", "500") == .status(500))
    #expect(reason("orbit/v1-value", "closed") == .noAnswer)
  }

  @Test func `Protobuf's own files can be read`() throws {
    let names = ["any", "duration", "empty", "field_mask", "struct", "timestamp", "wrappers"]
    let first = [
      "Any", "Duration", "Empty", "FieldMask", "Struct", "Timestamp", "DoubleValue",
    ]
    for (name, message) in zip(names, first) {
      let bytes = try #require(WellKnownFiles.descriptor(of: "google/protobuf/\(name).proto"))
      #expect(
        try SchemaOutline(fileDescriptor: bytes).names(at: [0]) == ["google.protobuf.\(message)"])
    }
    #expect(WellKnownFiles.descriptor(of: "google/protobuf/api.proto") == nil)
  }

  @Test func `base64 is told from text`() {
    #expect(Base64Text.bytes(of: "AQ==") == [1])
    #expect(Base64Text.bytes(of: "AQI=") == [1, 2])
    #expect(Base64Text.bytes(of: "AQID") == [1, 2, 3])
    #expect(Base64Text.bytes(of: "+/A=") == [0xFB, 0xF0])
    for text in ["", "A", "AQI", "A===", "AQ=I", "AQ I", "message A {}", "=AAA"] {
      #expect(Base64Text.bytes(of: text) == nil, "\(text)")
    }
  }

  @Test func `what a subject and its imports come to is bounded`() throws {
    let registry = try FakeRegistry()
    defer { registry.stop() }
    // Each of the two files has some hundred bytes.
    #expect(throws: RegistryError.self) {
      try SubjectSchema.latest(of: "orbit/v1-value", options(registry), byteCountMax: 150)
    }
    #expect(throws: Never.self) {
      try SubjectSchema.latest(of: "orbit/v1-value", options(registry), byteCountMax: 10_000)
    }
  }

  @Test func `somebody else's words in an error are few and harmless`() {
    let detail = "\u{1B}]0;x\u{7}\n\u{202E}" + String(repeating: "long ", count: 10_000)
    let error = RegistryError(.garbled, url: "http://a", detail: detail)
    #expect(error.detail.hasPrefix("?]0;x???long long"))
    #expect(error.detail.unicodeScalars.count < 400)
  }
}
