// Where a source's message type is defined: a descriptor set, or `.proto` files to make one of.

enum ProtosKey: String, ConfigKey { case folder, files }

extension Section<SourceKey> {
  /// The source's descriptor set, read or compiled; nil for the built-in types and after a fault.
  func descriptorSet() -> Configuration.Source.DescriptorSet? {
    if has(.protos) {
      if has(.descriptorSet) {
        report(
          .protos, atKey: true, "`protos` and `descriptor_set` exclude each other",
          suggestion: "keep `descriptor_set` where the set is made elsewhere, else `protos`")
      }
      return compiledSet()
    }
    guard let path = optional(.descriptorSet, .path(in: reading.folder)) else { return nil }
    do {
      let bytes = try FileBytes.read(path, byteCountMax: Allowed.descriptorSetByteCountMax)
      if bytes.isEmpty { report(.descriptorSet, "\(path) is empty; expected a descriptor set") }
      return Configuration.Source.DescriptorSet(path: path, bytes: bytes, protos: nil)
    } catch {
      report(
        .descriptorSet, error.message,
        suggestion: "make it with: protoc --include_imports --descriptor_set_out=FILE …")
      return nil
    }
  }

  private func compiledSet() -> Configuration.Source.DescriptorSet? {
    let protos = section(.protos, ProtosKey.self)
    let folder = protos.required(.folder, placeholder: "", .path(in: reading.folder))
    let named = protos.list(.files, of: .protoFile)
    // A folder or file that is faulty has been reported.
    guard !folder.isEmpty, !reading.isFaulty(at: path(of: .protos)) else { return nil }
    do throws(ProtoCompiler.Failure) {
      var files = named ?? []
      if named == nil { files = try ProtoCompiler.files(in: folder) }
      guard !files.isEmpty else {
        protos.report(.folder, "\(folder) holds no .proto files")
        return nil
      }
      guard let compiler = ProtoCompiler(environment: reading.environment) else {
        report(
          .protos, atKey: true, "protoc, which compiles .proto files, is not on the PATH",
          suggestion: "install it (Debian: protobuf-compiler), or make the set elsewhere with:"
            + " protoc --proto_path=FOLDER --include_imports --descriptor_set_out=FILE …, and"
            + " name it in `descriptor_set`")
        return nil
      }
      let bytes = try compiler.compile(folder: folder, files: files)
      return Configuration.Source.DescriptorSet(path: folder, bytes: bytes, protos: named ?? [])
    } catch {
      report(.protos, atKey: true, error.message, suggestion: error.suggestion)
      return nil
    }
  }
}

extension Format where Value == String {
  /// A `.proto` file below the folder, as its importers write it.
  fileprivate static var protoFile: Format<String> {
    text.then { (path) throws(ValueFault) in
      guard path.hasSuffix(".proto") else { throw ValueFault("is not the name of a .proto file") }
      let parts = path.split(separator: "/", omittingEmptySubsequences: false)
      guard parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }) else {
        throw ValueFault("is not a path below the folder, such as acme/orbit.proto")
      }
      return path
    }
  }
}

extension Reading {
  /// Whether a key path, or one below it, has a fault.
  fileprivate func isFaulty(at keyPath: String) -> Bool {
    faults.contains { $0.keyPath == keyPath || $0.keyPath.hasPrefix(keyPath + ".") }
  }
}
