internal import Glibc

/// Compiles `.proto` files that no configuration names: those of a schema registry, which are in no
/// folder yet, and those of a folder that is looked at.
package enum ProtoTexts {
  /// Why they cannot be compiled.
  package struct Failure: Error {
    package let message: String
    package let suggestion: String?
  }

  /// The descriptor set of `files`, imports of `google/protobuf` included.
  ///
  /// Cost: files in a private folder that is gone afterwards, and one run of protoc.
  ///
  /// - Parameters:
  ///   - files: by the path that others import them by, below no folder; the last one is compiled.
  ///   - environment: has the `PATH` on which protoc is.
  package static func compile(
    _ files: [(name: String, text: String)], environment: [String: String]
  ) throws(Failure) -> [UInt8] {
    guard let main = files.last else {
      throw Failure(message: "there is nothing to compile", suggestion: nil)
    }
    guard let compiler = ProtoCompiler(environment: environment) else {
      throw Failure(
        message: "the registry sends text, and protoc, which compiles it, is not on the PATH",
        suggestion: "install it (Debian: protobuf-compiler), or name a `descriptor_set`")
    }
    var folder = try SourceFolder()
    for file in files { try folder.write(file.text, named: file.name) }
    do {
      return try compiler.compile(folder: folder.path, files: [main.name])
    } catch {
      throw Failure(message: error.message, suggestion: error.suggestion)
    }
  }

  /// The descriptor set of all `.proto` files in a folder, as `sources[].protos` makes it.
  ///
  /// - Parameter environment: has the `PATH` on which protoc is.
  package static func compile(
    folder: String, environment: [String: String]
  ) throws(Failure) -> [UInt8] {
    guard let compiler = ProtoCompiler(environment: environment) else {
      throw Failure(
        message: "protoc, which compiles .proto files, is not on the PATH",
        suggestion: "install it (Debian: protobuf-compiler)")
    }
    do throws(ProtoCompiler.Failure) {
      let files = try ProtoCompiler.files(in: folder)
      guard !files.isEmpty else {
        throw ProtoCompiler.Failure(
          message: "\(folder) holds no .proto files", suggestion: nil)
      }
      return try compiler.compile(folder: folder, files: files)
    } catch {
      throw Failure(message: error.message, suggestion: error.suggestion)
    }
  }
}

/// A private folder of files, removed with the value.
private struct SourceFolder: ~Copyable {
  private let root: PrivateFolder
  private var files: [String] = []
  private var folders: [String] = []

  var path: String { root.path }

  init() throws(ProtoTexts.Failure) {
    do {
      root = try PrivateFolder(named: "downlink-schema")
    } catch {
      throw ProtoTexts.Failure(
        message: "cannot make a folder in \(error.parent): \(error.reason)", suggestion: nil)
    }
  }

  deinit {
    for file in files { unsafe unlink(file) }
    for folder in folders.reversed() { unsafe rmdir(folder) }
  }

  /// A name comes from somewhere else: it must stay below the folder.
  mutating func write(_ text: String, named name: String) throws(ProtoTexts.Failure) {
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }), !name.utf8.contains(0)
    else {
      throw ProtoTexts.Failure(message: "`\(name)` is no path of a .proto file", suggestion: nil)
    }
    var folder = path
    for part in parts.dropLast() {
      folder += "/\(part)"
      if unsafe mkdir(folder, 0o700) == 0 {
        folders.append(folder)
      } else if errno != EEXIST {
        throw Self.failure("cannot make the folder \(folder)")
      }
    }
    let file = "\(path)/\(name)"
    let descriptor = unsafe open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw Self.failure("cannot write \(file)") }
    defer { close(descriptor) }
    files.append(file)
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { unsafe write(descriptor, $0) }
      guard count > 0 else { throw Self.failure("cannot write \(file)") }
      rest = rest.dropFirst(count)
    }
  }

  private func write(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
    unsafe Glibc.write(descriptor, bytes.baseAddress, bytes.count)
  }

  private static func failure(_ what: String) -> ProtoTexts.Failure {
    ProtoTexts.Failure(message: "\(what): \(PrivateFolder.text(errno))", suggestion: nil)
  }
}
