import Glibc

/// The bytes of a file, unpacked on the way by the system's own `zstd` or `gzip` where its name
/// ends in `.zst` or `.gz`.
///
/// **Invariants:** the descriptor is closed and the tool waited for exactly once, in `deinit` or by
/// reaching the end. One thread.
struct ByteInput: ~Copyable {
  let path: String
  /// Bytes the file has on disk.
  let fileByteCount: Int
  /// Whether what is read are the file's own bytes, so that a share of it can be told.
  let isPlain: Bool
  private(set) var readByteCount = 0
  private let descriptor: Int32
  private var tool: (name: String, process: pid_t)?

  /// Opens the file. A missing one, or a missing tool, is the caller's fault: `.usage`.
  static func open(_ path: String) throws(ProduceError) -> ByteInput {
    let file = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { throw .usage("cannot open \(path): \(SystemFault.last)") }
    var status = stat()
    guard unsafe fstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
      close(file)
      // Files are opened twice: once for their columns, before anything is sent.
      throw .usage("\(path) is not a regular file")
    }
    guard let tool = Self.unpackers.first(where: { path.hasSuffix($0.suffix) })?.tool else {
      return ByteInput(path: path, fileByteCount: Int(status.st_size), descriptor: file)
    }
    defer { close(file) }
    switch Self.start(tool, input: file) {
    case .success(let started):
      return ByteInput(
        path: path, fileByteCount: Int(status.st_size), descriptor: started.output,
        tool: (tool, started.process))
    case .failure(let fault):
      throw .usage(
        "\(path) cannot be unpacked: starting `\(tool)` failed "
          + "(\(SystemFault.text(fault.number))); install it or unpack the file first")
    }
  }

  private init(
    path: String, fileByteCount: Int, descriptor: Int32,
    tool: (name: String, process: pid_t)? = nil
  ) {
    self.path = path
    self.fileByteCount = fileByteCount
    isPlain = tool == nil
    self.descriptor = descriptor
    self.tool = tool
  }

  deinit {
    close(descriptor)
    // With its reader gone the tool dies of SIGPIPE at its next write, or has ended already.
    if let tool { waitpid(tool.process, nil, 0) }
  }

  /// Replaces the buffer's content by the next bytes, up to `byteCountMax`; empty at the end.
  mutating func read(
    into buffer: inout [UInt8], byteCountMax: Int = 256 << 10
  ) throws(ProduceError) {
    let fileDescriptor = descriptor
    var fault: Int32 = 0
    buffer = unsafe [UInt8](unsafeUninitializedCapacity: byteCountMax) { target, count in
      var result: Int
      repeat {
        result = unsafe Glibc.read(fileDescriptor, target.baseAddress, byteCountMax)
        fault = errno
      } while result < 0 && fault == EINTR
      count = max(0, result)
      if result >= 0 { fault = 0 }
    }
    if fault != 0 { throw .input(file: path, reason: "reading failed: \(SystemFault.text(fault))") }
    readByteCount += buffer.count
    if buffer.isEmpty { try checkTool() }
  }

  /// A tool that ended badly has not given us the whole file.
  private mutating func checkTool() throws(ProduceError) {
    guard let (name, process) = tool else { return }
    tool = nil
    var status: Int32 = 0
    guard unsafe waitpid(process, &status, 0) == process, status == 0 else {
      let how = status & 0x7F == 0 ? "exit code \(status >> 8 & 0xFF)" : "signal \(status & 0x7F)"
      throw .input(file: path, reason: "`\(name)` failed with \(how); the file may be damaged")
    }
  }

  // MARK: Unpacking

  private static let unpackers = [(suffix: ".zst", tool: "zstd"), (suffix: ".gz", tool: "gzip")]

  private struct StartFault: Error { let number: Int32 }

  /// Starts `tool -dc` reading the descriptor `input` and writing a pipe.
  ///
  /// It gets a process group of its own, so that control-C at a terminal stops us and not it, and
  /// the default SIGPIPE, which this program ignores, so that it ends when nobody reads on.
  private static func start(
    _ tool: String, input: Int32
  ) -> Result<(process: pid_t, output: Int32), StartFault> {
    guard let ends = PipeEnds() else { return .failure(StartFault(number: errno)) }
    defer { close(ends.write) }
    var actions = unsafe posix_spawn_file_actions_t()
    unsafe posix_spawn_file_actions_init(&actions)
    defer { unsafe posix_spawn_file_actions_destroy(&actions) }
    unsafe posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO)
    unsafe posix_spawn_file_actions_adddup2(&actions, ends.write, STDOUT_FILENO)
    var attributes = posix_spawnattr_t()
    unsafe posix_spawnattr_init(&attributes)
    defer { unsafe posix_spawnattr_destroy(&attributes) }
    var defaults = sigset_t()
    unsafe sigemptyset(&defaults)
    unsafe sigaddset(&defaults, SIGPIPE)
    unsafe posix_spawnattr_setsigdefault(&attributes, &defaults)
    unsafe posix_spawnattr_setpgroup(&attributes, 0)
    unsafe posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
    var process: pid_t = 0
    let words: [UnsafeMutablePointer<CChar>?] = unsafe [strdup(tool), strdup("-dc"), nil]
    defer { for unsafe word in unsafe words { unsafe free(word) } }
    let fault = unsafe posix_spawnp(&process, tool, &actions, &attributes, words, environ)
    guard fault == 0 else {
      close(ends.read)
      return .failure(StartFault(number: fault))
    }
    return .success((process, ends.read))
  }
}
