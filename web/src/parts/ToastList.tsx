import { Toast } from '@base-ui/react/toast';
import { CircleAlert, CircleCheck, X } from 'lucide-react';
import { useEffect } from 'react';
import { useTexts } from '../texts';
import { deliverTo } from './toasts';

const problemMs = 10_000;

function List() {
    const texts = useTexts();
    const { toasts, add } = Toast.useToastManager();
    useEffect(() => deliverTo((told) => void add(told.type === 'error' ? { ...told, timeout: problemMs, priority: 'high' } : told)), [add]);
    return toasts.map((toast) => (
        <Toast.Root key={toast.id} toast={toast} className="toast">
            {toast.type === 'error' ? <CircleAlert size={18} aria-hidden="true" /> : <CircleCheck size={18} aria-hidden="true" />}
            <Toast.Title className="grow" render={<p />} />
            <Toast.Close className="button quiet icon small" aria-label={texts.close}>
                <X size={16} />
            </Toast.Close>
        </Toast.Root>
    ));
}

export default function ToastList() {
    return (
        <Toast.Provider timeout={5_000}>
            <Toast.Portal>
                <Toast.Viewport className="toasts">
                    <List />
                </Toast.Viewport>
            </Toast.Portal>
        </Toast.Provider>
    );
}
