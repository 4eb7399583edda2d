// Debian's Chromium, without a window.

import { chromium } from 'playwright-core';

const PROGRAM = process.env.SKERRY_CHROMIUM ?? '/usr/bin/chromium';

export function launch() {
    return chromium.launch({
        executablePath: PROGRAM,
        args: [
            '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
            '--disable-background-networking', '--disable-component-update', '--disable-sync',
        ],
    });
}
