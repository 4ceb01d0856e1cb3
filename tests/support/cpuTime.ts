/** Milliseconds that this process has worked: unlike the time of day, they do not grow while other programs run. */
export function cpuTime(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
