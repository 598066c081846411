import Glibc

/// What the process takes from the machine, as the kernel counts it.
///
/// Read when somebody asks; cost: some ten microseconds and the open descriptors once over.
struct ProcessUsage: Equatable, Sendable {
  /// Physical memory now.
  var residentByteCount: Int64 = 0
  /// The most physical memory there ever was.
  var residentByteCountMax: Int64 = 0
  /// User and system time of all threads since the start.
  var cpuSeconds: Double = 0
  var threadCount: Int64 = 0
  var openFileCount: Int64 = 0
  /// The soft limit.
  var openFileCountMax: Int64 = 0

  /// Nil outside Linux's /proc; a field that cannot be read stays 0.
  static func current() -> ProcessUsage? {
    guard let statm = read("/proc/self/statm"), let stat = read("/proc/self/stat") else {
      return nil
    }
    var usage = ProcessUsage()
    let pages = statm.split(separator: " ")
    let pageByteCount = Int64(sysconf(Int32(_SC_PAGESIZE)))
    if pages.count > 1 { usage.residentByteCount = (Int64(pages[1]) ?? 0) * pageByteCount }
    // proc(5): the program's name, field 2, may hold anything and ends at the last parenthesis.
    if let nameEnd = stat.lastIndex(of: ")") {
      let fields = stat[stat.index(after: nameEnd)...].split(separator: " ")
      if fields.count > 17 { usage.threadCount = Int64(fields[17]) ?? 0 }
    }
    usage.addResourceUsage()
    usage.addOpenFiles()
    return usage
  }

  private mutating func addResourceUsage() {
    var usage = rusage()
    guard unsafe getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage) == 0 else { return }
    residentByteCountMax = Int64(usage.ru_maxrss) * 1024
    cpuSeconds = Self.seconds(usage.ru_utime) + Self.seconds(usage.ru_stime)
  }

  private mutating func addOpenFiles() {
    var limit = rlimit()
    if unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 {
      openFileCountMax = Int64(clamping: limit.rlim_cur)
    }
    guard let folder = unsafe opendir("/proc/self/fd") else { return }
    var count: Int64 = 0
    while unsafe readdir(folder) != nil { count += 1 }
    unsafe closedir(folder)
    // Two are `.` and `..`, and one is the folder that is being read.
    openFileCount = max(0, count - 3)
  }

  private static func seconds(_ time: timeval) -> Double {
    Double(time.tv_sec) + Double(time.tv_usec) / 1e6
  }

  private static func read(_ path: String) -> String? {
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = unsafe Glibc.read(file, &bytes, bytes.count)
    return count > 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
  }
}
