/** What went wrong; `code` says what can be done about it. */
export class SkerryError extends Error {
    constructor(code, message, options) {
        super(message, options);
        this.name = 'SkerryError';
        this.code = code;
    }
}
