internal import Glibc

/// Compiles a folder of `.proto` files into a descriptor set with `protoc`, Protobuf's own program,
/// where that is installed.
///
/// What it writes goes into a folder that only this user can read and that is gone afterwards.
struct ProtoCompiler {
  struct Failure: Error {
    let message: String
    let suggestion: String?
  }

  /// What protoc may take: a thousand files are compiled in a second or two.
  static let timeoutMillis = 30_000
  static let fileCountMax = 10_000
  /// Folders that are looked into: links to a folder above lead to the same ones again and again.
  static let folderCountMax = 10_000
  /// Folders within each other, so that a link to a folder above does not lead round.
  private static let depthMax = 32

  let program: String
  private let variables: [String]

  /// Looks for `protoc` on the `PATH` of the environment; nil if it is not there.
  init?(environment: [String: String]) {
    let folders = (environment["PATH"] ?? "").split(separator: ":").filter { $0.hasPrefix("/") }
    let programs = folders.map { "\($0)/protoc" }
    guard let program = programs.first(where: { unsafe access($0, X_OK) == 0 }) else {
      return nil
    }
    self.program = program
    variables = ["PATH", "LD_LIBRARY_PATH", "HOME"].compactMap { name in
      environment[name].map { "\(name)=\($0)" }
    }
  }

  /// The descriptor set of `files` below `folder`, imports included.
  ///
  /// Takes as long as protoc does, `timeoutMillis` at most, in which the calling thread waits.
  func compile(folder: String, files: [String]) throws(Failure) -> [UInt8] {
    guard !folder.utf8.contains(UInt8(ascii: ":")) else {
      throw Failure(
        message: "\(folder) has a `:` in its name, which protoc takes for two folders",
        suggestion: nil)
    }
    let workshop = try Workshop()
    let words = ["protoc", "--proto_path=\(folder)", "--include_imports"]
      + ["--descriptor_set_out=\(workshop.output)"] + files.map { "\(folder)/\($0)" }
    let status = try run(words, in: workshop)
    guard status == 0 else {
      throw Failure(message: Self.complaint(workshop.text, status), suggestion: nil)
    }
    do {
      return try FileBytes.read(workshop.output, byteCountMax: Allowed.descriptorSetByteCountMax)
    } catch {
      throw Failure(
        message: "protoc wrote nothing that can be read: \(error.message)", suggestion: nil)
    }
  }

  /// The `.proto` files below a folder, as paths from it, sorted; hidden folders are left out.
  static func files(in folder: String) throws(Failure) -> [String] {
    var found: [String] = []
    var open = [(path: "", depth: 0)]
    var folderCount = 0
    while let (path, depth) = open.popLast() {
      folderCount += 1
      guard folderCount <= folderCountMax else {
        throw Failure(
          message: "\(folder) holds more than \(folderCountMax) folders, or links that lead round",
          suggestion: "name the files you need in `files`")
      }
      let whole = path.isEmpty ? folder : "\(folder)/\(path)"
      for name in try names(in: whole) where !name.hasPrefix(".") {
        let inner = path.isEmpty ? name : "\(path)/\(name)"
        if isFolder("\(folder)/\(inner)") {
          if depth < depthMax { open.append((inner, depth + 1)) }
        } else if name.hasSuffix(".proto") {
          found.append(inner)
        }
        guard found.count <= fileCountMax else {
          throw Failure(
            message: "\(folder) holds more than \(fileCountMax) .proto files",
            suggestion: "name those you need in `files`")
        }
      }
    }
    return found.sorted()
  }

  // MARK: - The process

  /// The wait status of protoc; what it says goes to the workshop's log.
  private func run(_ words: [String], in workshop: borrowing Workshop) throws(Failure) -> Int32 {
    let id = try spawn(words, log: workshop.log)
    var status: Int32 = 0
    // 20 ms: a small set takes about as long.
    for _ in 0..<Self.timeoutMillis / 20 {
      let ended = unsafe waitpid(id, &status, WNOHANG)
      if ended == id { return status }
      if ended < 0, errno != EINTR {
        throw Failure(
          message: "lost sight of protoc: \(PrivateFolder.text(errno))", suggestion: nil)
      }
      usleep(20_000)
    }
    kill(-id, SIGKILL)
    _ = unsafe waitpid(id, &status, 0)
    throw Failure(
      message: "protoc did not end within \(Self.timeoutMillis / 1000) s", suggestion: nil)
  }

  private func spawn(_ words: [String], log: String) throws(Failure) -> pid_t {
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    let flags = O_WRONLY | O_CREAT | O_TRUNC
    unsafe posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    unsafe posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log, flags, 0o600)
    unsafe posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    // A group of its own: what it may start itself ends with it.
    unsafe posix_spawnattr_setpgroup(&attributes, 0)
    unsafe posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
    let arguments = unsafe words.map { unsafe strdup($0) } + [nil]
    let environment = unsafe variables.map { unsafe strdup($0) } + [nil]
    defer { for unsafe text in unsafe arguments + environment { unsafe free(text) } }
    var id: pid_t = 0
    let fault = unsafe posix_spawn(&id, program, &actions, &attributes, arguments, environment)
    guard fault == 0 else {
      throw Failure(
        message: "cannot start \(program): \(PrivateFolder.text(fault))", suggestion: nil)
    }
    return id
  }

  /// What protoc said, its first lines in one.
  private static func complaint(_ log: String, _ status: Int32) -> String {
    let lines = log.split(whereSeparator: \.isNewline).prefix(4).map { $0.prefix(300) }
    if !lines.isEmpty { return "protoc: " + lines.joined(separator: "; ") }
    return status & 0x7F == 0
      ? "protoc ended with exit code \(status >> 8 & 0xFF)"
      : "protoc was ended by signal \(status & 0x7F)"
  }

  // MARK: - Folders

  private static func names(in folder: String) throws(Failure) -> [String] {
    guard let stream = unsafe opendir(folder) else {
      throw Failure(message: "cannot read \(folder): \(PrivateFolder.text(errno))", suggestion: nil)
    }
    defer { unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      names.append(
        unsafe withUnsafePointer(to: &entry.pointee.d_name) { name in
          unsafe name.withMemoryRebound(to: CChar.self, capacity: 256) { start in
            unsafe String(cString: start)
          }
        })
    }
    return names
  }

  private static func isFolder(_ path: String) -> Bool {
    var status = stat()
    return unsafe stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
  }
}

/// A private folder with what protoc writes, removed with the value.
private struct Workshop: ~Copyable {
  private let folder: PrivateFolder
  var output: String { folder.path + "/set.binpb" }
  var log: String { folder.path + "/log" }

  init() throws(ProtoCompiler.Failure) {
    do {
      folder = try PrivateFolder(named: "downlink-protoc")
    } catch {
      throw ProtoCompiler.Failure(
        message: "cannot make a folder in \(error.parent) for protoc: \(error.reason)",
        suggestion: nil)
    }
  }

  deinit {
    _ = unsafe unlink(output)
    _ = unsafe unlink(log)
  }

  /// What protoc has said.
  var text: String {
    String(decoding: (try? FileBytes.read(log, byteCountMax: 1 << 20)) ?? [], as: UTF8.self)
  }
}
